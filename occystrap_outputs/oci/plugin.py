"""`oci://` as a destination: a bundle that `runc run` starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import OutputSpec, VerifierSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class BundleOptions:
    readonly: bool = option(False, help="the container may not write to its root file system")
    rootless: bool = option(False, help="for a user namespace: owners are recorded, not set")
    overwrite: bool = option(False, help="replace a directory that is not empty, whatever is in it")


@hookimpl
def occystrap_outputs() -> Iterable[OutputSpec]:
    yield OutputSpec(
        name="oci",
        summary="a runtime bundle: the unpacked root file system and the config.json that runc reads",
        implementation="occystrap_outputs.oci.output:BundleOutput",
        options=BundleOptions,
        grammar="oci://PATH[?readonly=true&rootless=true&overwrite=true]",
    )


@hookimpl
def occystrap_verifiers() -> Iterable[VerifierSpec]:
    yield VerifierSpec(
        name="oci",
        summary="the files of a bundle, and its root file system against its layers",
        implementation="occystrap_outputs.oci.verifier:BundleVerifier",
        schemes=("oci",),
    )
