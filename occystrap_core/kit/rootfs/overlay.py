"""Overlay mounts of layers that lie side by side."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from occystrap_core.kit.rootfs.attributes import OPAQUE
from occystrap_core.kit.rootfs.mountinfo import Mounted, mounts
from occystrap_core.model.errors import AccessDenied, TransferError

WHERE = "at most 500 layers, on a file system that takes changes of overlays: not on another overlay"
_CANNOT = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS})
LINKS, ROOTFS, UPPER, WORK = "l", "rootfs", "delta", "working"

# The options of a mount must fit one page and know neither quoting nor long names, so the layers
# are named by short links, relative to the directory that the mounting process stands in.
_MOUNT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"overlay", sys.argv[1].encode(), b"overlay", 0, sys.argv[2].encode()):
    sys.exit(os.strerror(ctypes.get_errno()))
"""
_UNMOUNT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.umount2(sys.argv[1].encode(), 8):  # UMOUNT_NOFOLLOW
    sys.exit(os.strerror(ctypes.get_errno()))
"""


def require_root() -> None:
    if os.geteuid() != 0:
        raise AccessDenied("overlay mounts need root", hint="run it as root, or write to oci://, which does not")


def make_opaque(directory: int) -> None:
    """Nothing shows in a directory of what lower layers have in it."""
    with for_an_overlay("an opaque directory"):
        os.setxattr(directory, OPAQUE, b"y")


@contextmanager
def for_an_overlay(what: str) -> Iterator[None]:
    """Not every file system, nor everybody, can make what overlays need."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        raise TransferError(f"cannot make {what} for an overlay: {error.strerror}", hint=WHERE) from error


def mount_overlay(directory: Path, layers: Sequence[Path]) -> None:
    """Mount `layers`, the lowest first and relative to `directory`, at its rootfs."""
    links = directory / LINKS
    for name in (LINKS, UPPER, WORK, ROOTFS):
        (directory / name).mkdir(exist_ok=True)
    for number, layer in enumerate(layers):
        (links / str(number)).symlink_to(Path("..") / layer)
    lower = ":".join(f"{LINKS}/{number}" for number in reversed(range(len(layers))))
    options = f"lowerdir={lower},upperdir={UPPER},workdir={WORK}"
    try:
        _in(directory, _MOUNT, ROOTFS, options, doing=f"mount {len(layers)} layers", hint=WHERE)
    except BaseException:
        if mounted_at(directory / ROOTFS):
            unmount_overlay(directory)
        raise


def unmount_overlay(directory: Path) -> None:
    _in(directory, _UNMOUNT, ROOTFS, doing=f"unmount {directory / ROOTFS}")


def mounted_at(point: Path) -> Mounted | None:
    """The overlay at exactly this place, unless something else is mounted over it."""
    wanted = os.path.realpath(point)
    *_, found = (None, *(each for each in mounts() if each.point == wanted))
    return found if found is not None and found.kind == b"overlay" else None


def _in(directory: Path, script: str, *arguments: str, doing: str, hint: str = "") -> None:
    """Run a system call in a process of its own, which may stand in another directory."""
    done = subprocess.run(  # noqa: S603  # our own script, no shell
        [sys.executable, "-I", "-c", script, *arguments], cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TransferError(f"cannot {doing}: {done.stderr.strip() or 'the system gave no reason'}", hint=hint)
