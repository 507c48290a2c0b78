"""The few fields of ELF programs that tell where they run."""

from __future__ import annotations

import struct

MAGIC = b"\x7fELF"
_PT_INTERP = 3
_MOST_SEGMENTS = 64

MACHINES = {
    3: "386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64",
    258: "loong64",
}  # fmt: skip
"""By e_machine, in the words of Go."""

RUNS_ON = {
    "amd64": {"amd64", "386"},
    "arm64": {"arm64", "arm"},
    "386": {"386"},
    "arm": {"arm"},
    "ppc64le": {"ppc64"},
    "ppc64": {"ppc64", "ppc"},
    "s390x": {"s390x"},
    "riscv64": {"riscv64"},
    "loong64": {"loong64"},
    "mips": {"mips"}, "mipsle": {"mips"}, "mips64": {"mips"}, "mips64le": {"mips"},
}  # fmt: skip
"""Which machines' programs an architecture runs."""


def machine_of(head: bytes) -> str | None:
    """None for what is no ELF program, or one of a machine without a name here."""
    if len(head) < 20 or head[:4] != MAGIC:
        return None
    (machine,) = struct.unpack_from(_order(head) + "H", head, 18)
    return MACHINES.get(machine)


def loader_of(head: bytes) -> bytes | None:
    """The program interpreter (ld.so); None for static programs and where `head` does not reach it."""
    if head[:4] != MAGIC or len(head) < 64:
        return None
    order, wide = _order(head), head[4] == 2
    start = struct.unpack_from(order + ("Q" if wide else "I"), head, 32 if wide else 28)[0]
    size, count = struct.unpack_from(order + "HH", head, 54 if wide else 42)
    for number in range(min(count, _MOST_SEGMENTS)):
        place = start + number * size
        if place + (56 if wide else 32) > len(head):
            return None
        if struct.unpack_from(order + "I", head, place)[0] == _PT_INTERP:
            return _text(head, *_extent(head, order, place, wide))
    return None


def _order(head: bytes) -> str:
    return ">" if head[5] == 2 else "<"


def _extent(head: bytes, order: str, place: int, wide: bool) -> tuple[int, int]:
    if wide:
        return (
            struct.unpack_from(order + "Q", head, place + 8)[0],
            struct.unpack_from(order + "Q", head, place + 32)[0],
        )
    return struct.unpack_from(order + "I", head, place + 4)[0], struct.unpack_from(order + "I", head, place + 16)[0]


def _text(head: bytes, start: int, length: int) -> bytes | None:
    return head[start : start + length].partition(b"\0")[0] if start + length <= len(head) else None
