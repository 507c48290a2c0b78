"""Keeping the pages that a stream of chunks uses over and over."""

from __future__ import annotations

import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
_KEPT = 64 << 20
# Above the largest chunk. What is larger (a window, a job of zstd) lives as long as a layer, and freed in
# one thread's heap it would be of no use to the threads of the next layer.
_LARGEST = 2 << 20


def keep_freed_pages() -> bool:
    """Ask glibc not to return the memory of every chunk to the system, only to fault it in again
    for the next: a tenth of the CPU time of a run that inflates. False where there is no glibc.

    For programs, which decide about their whole process; a library must not call this.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_TRIM_THRESHOLD, _KEPT)) and bool(mallopt(_MMAP_THRESHOLD, _LARGEST))
