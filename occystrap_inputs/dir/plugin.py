"""`dir://` as a source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import InputSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class DirectoryInputOptions:
    ref: str = option("", help="the image's name and tag, where the directory holds several")


@hookimpl
def occystrap_inputs() -> Iterable[InputSpec]:
    yield InputSpec(
        name="dir",
        summary="an image in a directory that dir:// wrote, or in an unpacked docker-save archive",
        implementation="occystrap_inputs.dir.input:DirectoryInput",
        options=DirectoryInputOptions,
        grammar="dir://PATH[?ref=IMAGE:TAG]",
        aliases=("directory",),
    )
