"""`sample://`: an image out of nothing, for demonstrations, benchmarks and tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import InputSpec, hookimpl, option
from occystrap_core.model.media_types import Compression, Family


@dataclass(frozen=True, slots=True)
class SampleOptions:
    layers: int = option(3, help="how many layers")
    files: int = option(20, help="how many files each layer has")
    size: str = option("4096", help="how long each file is, in bytes or as 64k, 10M, 1G")
    seed: str = option("", help="any text; another text gives other content")
    family: Family = option(Family.DOCKER, help="whose media types the documents have")
    compression: Compression | None = option(None, help="how layers are stored; uncompressed by default")
    platforms: tuple[str, ...] = option((), help="os/architecture[/variant], …; several make an index")


@hookimpl
def occystrap_inputs() -> Iterable[InputSpec]:
    yield InputSpec(
        name="sample",
        summary="a made-up image of chosen layers, files and size, the same on every machine",
        implementation="occystrap_inputs.sample.input:SampleInput",
        options=SampleOptions,
        grammar="sample://[NAME[:TAG]]",
    )
