"""`dir://` as a destination."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import OutputSpec, VerifierSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class DirectoryOutputOptions:
    unique_names: bool = option(False, help="one manifest file for each image, so that several fit")
    expand: bool = option(False, help="unpack the image's root file system as well")
    overwrite: bool = option(False, help="unpack it beside somebody else's files, and over what has its name")


@hookimpl
def occystrap_outputs() -> Iterable[OutputSpec]:
    yield OutputSpec(
        name="dir",
        summary="a directory with the files of a docker-save archive; layers are shared between images",
        implementation="occystrap_outputs.dir.output:DirectoryOutput",
        options=DirectoryOutputOptions,
        grammar="dir://PATH[?unique_names=true&expand=true&overwrite=true]",
        aliases=("directory",),
    )


@hookimpl
def occystrap_verifiers() -> Iterable[VerifierSpec]:
    yield VerifierSpec(
        name="dir",
        summary="manifest, catalog, config and layers of a directory",
        implementation="occystrap_outputs.dir.verifier:DirectoryVerifier",
        schemes=("dir",),
    )
