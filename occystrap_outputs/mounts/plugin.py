"""`mounts://` as a destination: an overlay mount, and the command that takes it down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import CommandSpec, OutputSpec, VerifierSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class MountOptions:
    readonly: bool = option(False, help="the container may not write to its root file system")
    overwrite: bool = option(False, help="replace a directory that is not empty, whatever is in it")


@hookimpl
def occystrap_outputs() -> Iterable[OutputSpec]:
    yield OutputSpec(
        name="mounts",
        summary="each layer unpacked by itself, all of them mounted as an overlay, with what runc reads",
        implementation="occystrap_outputs.mounts.output:MountsOutput",
        options=MountOptions,
        grammar="mounts://PATH[?readonly=true&overwrite=true]",
    )


@hookimpl
def occystrap_verifiers() -> Iterable[VerifierSpec]:
    yield VerifierSpec(
        name="mounts",
        summary="the overlay is mounted from the right layers, and shows what they say",
        implementation="occystrap_outputs.mounts.verifier:MountsVerifier",
        schemes=("mounts",),
    )


@hookimpl
def occystrap_commands() -> Iterable[CommandSpec]:
    yield CommandSpec("unmount", "Take down what mounts:// has mounted", "occystrap_outputs.mounts.command:unmount")
