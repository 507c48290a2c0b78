"""The smallest ELF files that say what a test wants them to say."""

from __future__ import annotations

import struct

MACHINES = {"amd64": 62, "386": 3, "arm64": 183, "arm": 40, "s390x": 22, "bpf": 247}


def elf(machine: str = "amd64", loader: str = "", *, wide: bool = True, big: bool = False) -> bytes:
    """The headers of a program, with a program interpreter where one is named."""
    order, name = ">" if big else "<", loader.encode() + b"\0"
    header, segment = (64, 56) if wide else (52, 32)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if big else 1, 1]) + bytes(9)
    numbers = struct.pack(order + "HHI", 2, MACHINES[machine], 1)
    word = "Q" if wide else "I"
    places = struct.pack(order + word * 3, 0, header, 0)
    sizes = struct.pack(order + "IHHHHHH", 0, header, segment, 2 if loader else 1, 0, 0, 0)
    body = ident + numbers + places + sizes + _segment(order, wide, 1, 0, 0)
    if loader:
        body += _segment(order, wide, 3, header + 2 * segment, len(name)) + name
    return body.ljust(200, b"\0")


def _segment(order: str, wide: bool, kind: int, start: int, length: int) -> bytes:
    if wide:
        return struct.pack(order + "IIQQQQQQ", kind, 4, start, 0, 0, length, length, 1)
    return struct.pack(order + "IIIIIIII", kind, start, 0, 0, length, length, 4, 1)
