"""The openat2 system call, which Python has no name for."""

from __future__ import annotations

import ctypes
import errno
import os

_NUMBER = 437
"""The same on every architecture but alpha, whose kernel answers ENOSYS to it."""

_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RESOLVE_IN_ROOT = 0x10
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_TRIES = 16
_UNAVAILABLE = frozenset({errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG})


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_IN_ROOT = ctypes.byref(_OpenHow(_FLAGS, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS))
_WITHOUT_LINKS = ctypes.byref(_OpenHow(_FLAGS, 0, _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS))
_HOW_SIZE = ctypes.c_size_t(ctypes.sizeof(_OpenHow))
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


def open_directory_in(root: int, path: bytes) -> int:
    """A descriptor of the directory `path`, every link in it resolved as if `root` were `/`."""
    return _opened(root, path, _IN_ROOT)


def open_directory_below(root: int, path: bytes) -> int:
    """A descriptor of the directory at exactly this path; a link in it is an error, ELOOP."""
    return _opened(root, path, _WITHOUT_LINKS)


def _opened(root: int, path: bytes, how: object) -> int:
    for _ in range(_TRIES):
        found = int(_syscall(ctypes.c_long(_NUMBER), root, ctypes.c_char_p(path), how, _HOW_SIZE))
        if found >= 0:
            return found
        number = ctypes.get_errno()
        # A rename somewhere on the machine while `..` was being resolved: the kernel asks to try again.
        if number not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(number, os.strerror(number), os.fsdecode(path))


def is_available(root: int) -> bool:
    """Whether this kernel has the call, and no sandbox forbids it."""
    try:
        os.close(open_directory_in(root, b"."))
    except OSError as error:
        if error.errno in _UNAVAILABLE:
            return False
        raise
    return True
