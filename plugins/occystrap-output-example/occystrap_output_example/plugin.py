"""`zip://`: an image in a zip file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import InputSpec, OutputSpec, hookimpl, option

GRAMMAR = "zip://FILE"


@dataclass(frozen=True, slots=True)
class ZipOptions:
    comment: str = option("", help="a comment that unzip -z shows")


@hookimpl
def occystrap_outputs() -> Iterable[OutputSpec]:
    yield OutputSpec(
        name="zip",
        summary="an OCI image layout in a zip file",
        implementation="occystrap_output_example.output:ZipOutput",
        options=ZipOptions,
        grammar=GRAMMAR,
    )


@hookimpl
def occystrap_inputs() -> Iterable[InputSpec]:
    yield InputSpec(
        name="zip",
        summary="an image that zip:// wrote",
        implementation="occystrap_output_example.input:ZipInput",
        grammar=GRAMMAR,
    )
