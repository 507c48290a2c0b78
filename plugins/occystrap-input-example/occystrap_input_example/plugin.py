"""`stack://`: an image made of folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import InputSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class StackOptions:
    platform: str = option("linux/amd64", help="os/architecture[/variant] that the image says it is for")


@hookimpl
def occystrap_inputs() -> Iterable[InputSpec]:
    yield InputSpec(
        name="stack",
        summary="an image whose layers are the folders in a folder",
        implementation="occystrap_input_example.input:StackInput",
        options=StackOptions,
        grammar="stack://FOLDER[?platform=OS/ARCHITECTURE]",
    )
