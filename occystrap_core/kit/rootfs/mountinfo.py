"""What is mounted, here and in the mount namespaces of other processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Mounted:
    """A line of the kernel's table. `device` tells its file system from all others that are mounted."""

    point: str
    device: bytes
    kind: bytes
    options: str


def mounts(process: str = "self") -> Iterator[Mounted]:
    """What a process has mounted; /proc writes what separates fields as octal numbers."""
    for line in (_PROC / process / "mountinfo").read_bytes().splitlines():
        fields, _, rest = line.partition(b" - ")
        _, _, device, _, point, *_ = fields.split(b" ")
        kind, _, options = rest.split(b" ", 2)
        place = os.fsdecode(point.decode("unicode_escape").encode("latin-1"))
        yield Mounted(place, device, kind, os.fsdecode(options))


def mounts_below(directory: Path) -> list[str]:
    return [found.point for found in mounts() if found.point.startswith(f"{directory}/")]


def seen_by(directory: Path) -> int | None:
    """A process in another mount namespace that has something mounted in this very directory."""
    below = f"{directory}/"
    for process, found in _elsewhere():
        if found.point.startswith(below) and _is_the_same(directory, process):
            return process
    return None


def used_by(device: bytes) -> int | None:
    """A process in another mount namespace that has this file system mounted, anywhere."""
    return next((process for process, found in _elsewhere() if found.device == device), None)


def _elsewhere() -> Iterator[tuple[int, Mounted]]:
    """By one process of each other namespace. Processes end while they are looked at."""
    seen = {_namespace("self")}
    for name in sorted(path.name for path in _PROC.iterdir() if path.name.isdigit()):
        with suppress(OSError, ValueError):
            namespace = _namespace(name)
            if namespace not in seen:
                seen.add(namespace)
                yield from ((int(name), found) for found in list(mounts(name)))


def _namespace(process: str) -> Path:
    return (_PROC / process / "ns/mnt").readlink()


def _is_the_same(directory: Path, process: int) -> bool:
    with suppress(OSError):
        return os.path.samestat(directory.stat(), Path(f"/proc/{process}/root{directory}").stat())
    return False
