"""Freed pages are kept where glibc is, and nothing breaks where it is not."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

_CHURN = """
import resource, sys, threading
from occystrap_core.streams.heap import keep_freed_pages
if sys.argv[1] == "keep":
    assert keep_freed_pages()
def churn():
    for _ in range(500):
        chunks = [b"x" * 200_000 for _ in range(8)]
thread = threading.Thread(target=churn)
thread.start()
thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is asked")
def test_a_chunk_is_not_faulted_in_anew_each_time() -> None:
    faults = {
        mode: int(subprocess.run([sys.executable, "-c", _CHURN, mode], capture_output=True, check=True).stdout)
        for mode in ("keep", "leave")
    }
    assert resource.getpagesize() * faults["keep"] < 64 << 20
    assert faults["keep"] < faults["leave"] / 2
