"""`ocidir://` as a destination."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from occystrap_core.contracts import OutputSpec, VerifierSpec, hookimpl, option
from occystrap_core.model.media_types import Compression


class LayoutFormat(StrEnum):
    OCI = "oci"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class LayoutOutputOptions:
    ref: str = option("", help="the image's name in the layout; the whole address is then the path")
    format: LayoutFormat = option(LayoutFormat.OCI, help="'source' keeps the media types of docker")
    compression: Compression | None = option(help="store every layer so, instead of as it comes")


@hookimpl
def occystrap_outputs() -> Iterable[OutputSpec]:
    yield OutputSpec(
        name="ocidir",
        summary="an OCI image layout, as skopeo (oci:), umoci and podman read it; images are added to it",
        implementation="occystrap_outputs.ocidir.output:LayoutOutput",
        options=LayoutOutputOptions,
        grammar="ocidir://PATH[:TAG]",
    )


@hookimpl
def occystrap_verifiers() -> Iterable[VerifierSpec]:
    yield VerifierSpec(
        name="ocidir",
        summary="index, manifests and blobs of an OCI image layout",
        implementation="occystrap_outputs.ocidir.verifier:LayoutVerifier",
        schemes=("ocidir",),
    )
