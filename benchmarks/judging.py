"""What `check` and `info` promise."""

from __future__ import annotations

import sys
from pathlib import Path

from cases import MB, US, Bench, Promise, Result, in_turn_many, ratio
from measure import Run, run

# The same bytes inflated and hashed by the same libraries, on two threads: what no validator can do without.
_BASELINE = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec import inflate
def read(path):
    with open(path, "rb") as file:
        while chunk := file.read(1 << 18):
            yield chunk
def judge(path):
    stored, plain = hashlib.sha256(), hashlib.sha256()
    def hashed(chunks):
        for chunk in chunks:
            stored.update(chunk)
            yield chunk
    for chunk in inflate(hashed(read(path)), Compression.GZIP):
        plain.update(chunk)
layers = [path for path in Path(sys.argv[1]).iterdir() if path.open("rb").read(2) == b"\\x1f\\x8b"]
with ThreadPoolExecutor(2) as pool:
    list(pool.map(judge, sorted(layers, key=lambda path: -path.stat().st_size)))
"""


def check_large(bench: Bench) -> Result:
    layout = bench.corpora["packages"].layout
    runs = _checked(bench, "packages")
    runs["inflate and hash"] = run([sys.executable, "-c", _BASELINE, layout / "blobs/sha256"], bench.log)
    promises = [*ratio(runs, "existing", 0.4), *ratio(runs, "inflate and hash", 1.5), _memory(runs, 150)]
    return Result("check of five large layers", runs, promises)


def check_small_files(bench: Bench) -> Result:
    runs = _checked(bench, "small")
    return Result("check of many small files", runs, [*ratio(runs, "existing", 0.35), _memory(runs, 150)])


def check_a_million_entries(bench: Bench) -> Result:
    entries = 1_000_000 if bench.corpora["large"].uncompressed > 100 * MB else 20_000
    source = f"sample://?layers=1&files={entries}&size=16"
    runs = {"occystrap": _check(bench, source)}
    return Result(f"check of {entries:,} entries", runs, [_memory(runs, 150)])


def looking_without_reading(bench: Bench) -> Result:
    source = f"registry://{bench.host}/bench/packages:latest"
    many = in_turn_many(
        {
            "python -c pass": lambda: run([sys.executable, "-c", "pass"], bench.log),
            "check --fast": lambda: _check(bench, source, "--fast"),
            "info": lambda: run([*US, "info", source], bench.log),
        }
    )
    runs = {name: min(each, key=lambda one: one.wall) for name, each in many.items()}
    bare = runs["python -c pass"].wall
    promises = [
        Promise(f"{name} against python -c pass", runs[name].wall / bare, 14) for name in ("check --fast", "info")
    ]
    return Result("check --fast and info on a registry", runs, promises)


def _checked(bench: Bench, corpus: str) -> dict[str, Run]:
    source = f"{bench.host}/bench/{corpus}:latest"
    existing = bench.peers.existing
    return bench.measured(
        {
            "occystrap": lambda: _check(bench, f"registry://{source}"),
            "existing": existing
            and (lambda: run([existing, "--insecure", "check", f"registry://{source}"], bench.log)),
        }
    )


def _check(bench: Bench, source: str | Path, *words: str) -> Run:
    """Findings are no failure here: real packages have some."""
    command = [*US, "check", source, *words, "--severity", "entrypoint-not-found=warning"]
    return run(["sh", "-c", '"$@"; [ $? -le 1 ]', "check", *command], bench.log)


def _memory(runs: dict[str, Run], limit: int) -> Promise:
    return Promise("peak memory, MB", runs["occystrap"].peak / MB, limit)


CASES = (check_large, check_small_files, check_a_million_entries, looking_without_reading)
