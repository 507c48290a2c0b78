"""What the outputs that unpack promise."""

from __future__ import annotations

import shutil
from pathlib import Path

from cases import US, Bench, Result, memory, ratio
from measure import Run, run


def unpack_large(bench: Bench) -> Result:
    return _unpacked(bench, "packages", "five large layers to a bundle")


def unpack_small_files(bench: Bench) -> Result:
    return _unpacked(bench, "small", "many small files to a bundle")


def _unpacked(bench: Bench, corpus: str, name: str) -> Result:
    layout = bench.corpora[corpus].layout
    umoci = shutil.which("umoci")

    def ours() -> Run:
        return run([*US, "process", f"ocidir://{layout}:latest", f"oci://{bench.target()}"], bench.log)

    def theirs() -> Run:
        return run([Path(umoci or ""), "unpack", "--image", f"{layout}:latest", bench.target()], bench.log)

    runs = bench.measured({"occystrap": ours, "umoci": theirs if umoci else None})
    return Result(name, runs, [*ratio(runs, "umoci", 0.4), memory(runs)])


CASES = (unpack_large, unpack_small_files)
