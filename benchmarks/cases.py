"""What is measured, beside whom, and what we promise."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from corpus import Corpus
from measure import Run, in_turn, median, run
from peers import Peers

MB = 1_000_000
US = (str(Path(sys.executable).with_name("occystrap")), "--quiet", "--no-verify")


@dataclass(frozen=True, slots=True)
class Promise:
    """`value` is measured; it must not be above `limit` (below it where `at_least`)."""

    text: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    runs: dict[str, Run]
    promises: list[Promise]


@dataclass(slots=True)
class Bench:
    """The place of a whole benchmark: registry, corpora, peers, and fresh targets."""

    host: str
    corpora: dict[str, Corpus]
    peers: Peers
    work: Path
    rounds: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def log(self) -> Path:
        return self.work / "commands.log"

    def target(self, suffix: str = "") -> Path:
        folder = self.work / "out"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder / f"target{suffix}"

    def measured(self, commands: dict[str, Callable[[], Run] | None]) -> dict[str, Run]:
        present = {name: command for name, command in commands.items() if command}
        return {name: median(runs) for name, runs in in_turn(present, self.rounds).items()}

    def ours(self, *words: str | Path) -> Run:
        return run([*US, "process", *words], self.log)

    def skopeo(self, *words: str) -> Run:
        return run(
            [self.peers.skopeo or "", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", *words], self.log
        )

    def existing(self, *words: str) -> Run:
        return run([self.peers.existing or "", "--insecure", "--no-verify", "process", *words], self.log)


def ratio(runs: dict[str, Run], peer: str, limit: float) -> list[Promise]:
    if peer not in runs:
        return []
    return [Promise(f"time against {peer}", runs["occystrap"].wall / runs[peer].wall, limit)]


def faster(runs: dict[str, Run], peer: str, times: float) -> list[Promise]:
    if peer not in runs:
        return []
    return [Promise(f"times as fast as {peer}", runs[peer].wall / runs["occystrap"].wall, times, at_least=True)]


def memory(runs: dict[str, Run]) -> Promise:
    return Promise("peak memory, MB", runs["occystrap"].peak / MB, 100)


def registry_to_ocidir(bench: Bench) -> Result:
    source = f"{bench.host}/bench/packages:latest"
    runs = bench.measured(
        {
            "occystrap": lambda: bench.ours(f"registry://{source}", f"ocidir://{bench.target()}"),
            "skopeo": bench.peers.skopeo and (lambda: bench.skopeo(f"docker://{source}", f"oci:{bench.target()}")),
            "curl + sha256sum": bench.peers.curl and (lambda: _curl(bench, "packages")),
        }
    )
    promises = [*ratio(runs, "skopeo", 0.5), *ratio(runs, "curl + sha256sum", 1.5), memory(runs)]
    return Result("registry to ocidir, unchanged", runs, promises)


def registry_to_tar(bench: Bench) -> Result:
    source = f"{bench.host}/bench/packages:latest"
    runs = bench.measured(
        {
            "occystrap": lambda: bench.ours(f"registry://{source}", f"tar://{bench.target('.tar')}"),
            "skopeo": bench.peers.skopeo
            and (lambda: bench.skopeo(f"docker://{source}", f"docker-archive:{bench.target('.tar')}:bench:latest")),
            "existing": bench.peers.existing
            and (lambda: bench.existing(f"registry://{source}", f"tar://{bench.target('.tar')}")),
        }
    )
    promises = [*ratio(runs, "skopeo", 0.3), *ratio(runs, "existing", 0.4), memory(runs)]
    return Result("registry to tar, uncompressed layers", runs, promises)


def normalize_to_registry(bench: Bench) -> Result:
    source, number = f"{bench.host}/bench/packages:latest", bench._numbers
    normalize = ("-f", "normalize-timestamps")

    def target() -> str:
        return f"registry://{bench.host}/normalized/{next(number)}:latest"

    runs = bench.measured(
        {
            "occystrap": lambda: bench.ours(f"registry://{source}", target(), *normalize),
            "existing": bench.peers.existing and (lambda: bench.existing(f"registry://{source}", target(), *normalize)),
        }
    )
    kept = bench.target()
    bench.ours(f"registry://{source}", f"ocidir://{kept}", *normalize)
    size = Promise("size against gzip -6", _layer_bytes(kept) / bench.corpora["packages"].gzip6, 1.06)
    promises = [*faster(runs, "existing", 15), size, memory(runs)]
    return Result("registry to registry, normalize-timestamps", runs, promises)


def registry_to_zstd(bench: Bench) -> Result:
    source = f"{bench.host}/bench/packages:latest"
    many = ("--compression", "zstd", "-j", "8")
    runs = bench.measured(
        {"occystrap": lambda: bench.ours(f"registry://{source}", f"ocidir://{bench.target()}", *many)}
    )
    return Result("registry to ocidir, as zstd, eight at a time", runs, [memory(runs)])


def exclude_small_files(bench: Bench) -> Result:
    source = f"{bench.host}/bench/small:latest"
    exclude = ("-f", "exclude:pattern=*.pyc")
    runs = bench.measured(
        {
            "occystrap": lambda: bench.ours(f"registry://{source}", f"tar://{bench.target('.tar')}", *exclude),
            "existing": bench.peers.existing
            and (lambda: bench.existing(f"registry://{source}", f"tar://{bench.target('.tar')}", *exclude)),
        }
    )
    return Result("exclude on many small files, to tar", runs, [*faster(runs, "existing", 5), memory(runs)])


def one_large_layer(bench: Bench) -> Result:
    source = f"{bench.host}/bench/large:latest"
    runs = bench.measured({"occystrap": lambda: bench.ours(f"registry://{source}", f"tar://{bench.target('.tar')}")})
    ours = runs["occystrap"]
    busy = [Promise("wall / CPU", ours.wall / ours.cpu, 0.65)] if (os.cpu_count() or 1) > 1 else []
    return Result("one large layer, to tar", runs, [*busy, memory(runs)])


def one_large_layer_recompressed(bench: Bench) -> Result:
    source = f"{bench.host}/bench/large:latest"
    runs = bench.measured(
        {
            "occystrap": lambda: bench.ours(
                f"registry://{source}", f"ocidir://{bench.target()}", "-f", "normalize-timestamps"
            )
        }
    )
    ours = runs["occystrap"]
    busy = [Promise("wall / CPU", ours.wall / ours.cpu, 0.65)] if (os.cpu_count() or 1) > 1 else []
    return Result("one large layer, normalize-timestamps, to ocidir", runs, [*busy, memory(runs)])


def start_up(bench: Bench) -> Result:
    commands: dict[str, Callable[[], Run] | None] = {
        "python -c pass": lambda: run([sys.executable, "-c", "pass"], bench.log),
        "--version": lambda: run([_console_script(), "--version"], bench.log),
        "--help": lambda: run([_console_script(), "--help"], bench.log),
    }
    runs = {name: min(many, key=lambda each: each.wall) for name, many in in_turn_many(commands).items()}
    bare = runs["python -c pass"].wall
    promises = [
        Promise("--version against python -c pass", runs["--version"].wall / bare, 2),
        Promise("--help against python -c pass", runs["--help"].wall / bare, 5),
    ]
    return Result("start-up", runs, promises)


def in_turn_many(commands: dict[str, Callable[[], Run] | None]) -> dict[str, list[Run]]:
    return in_turn({name: command for name, command in commands.items() if command}, 15)


CASES = (
    registry_to_ocidir,
    registry_to_tar,
    normalize_to_registry,
    registry_to_zstd,
    exclude_small_files,
    one_large_layer,
    one_large_layer_recompressed,
    start_up,
)


def push(bench: Bench, corpus: Corpus) -> None:
    target = f"docker://{bench.host}/bench/{corpus.name}:latest"
    skopeo = [bench.peers.skopeo or "", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false"]
    subprocess.run([*skopeo, f"oci:{corpus.layout}:latest", target], check=True)


def _console_script() -> Path:
    return Path(sys.executable).with_name("occystrap")


def _curl(bench: Bench, name: str) -> Run:
    """Every blob of the image fetched by one curl, then hashed by one sha256sum."""
    folder = bench.target()
    folder.mkdir()
    blobs = [path.name for path in (bench.corpora[name].layout / "blobs/sha256").iterdir()]
    urls = " ".join(
        f"-O http://{bench.host}/v2/bench/{name}/blobs/sha256:{blob}" for blob in blobs if _is_layer(bench, name, blob)
    )
    return run(["sh", "-c", f"cd {folder} && curl -sSf {urls} && sha256sum *"], bench.log)


def _is_layer(bench: Bench, name: str, blob: str) -> bool:
    return (bench.corpora[name].layout / "blobs/sha256" / blob).open("rb").read(2) == b"\x1f\x8b"


def _layer_bytes(layout: Path) -> int:
    manifest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    document = json.loads((layout / "blobs" / manifest.replace(":", "/")).read_text())
    return sum(layer["size"] for layer in document["layers"])
