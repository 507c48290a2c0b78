"""tar:// as a destination, and what looks at the result."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from occystrap_core.contracts import OutputSpec, VerifierSpec, hookimpl, option
from occystrap_core.model.media_types import Compression


class ArchiveFormat(StrEnum):
    DOCKER = "docker"
    OCI = "oci"


@dataclass(frozen=True, slots=True)
class TarOutputOptions:
    name: str = option("", help="what the image is called in the archive, instead of its name at the source")
    format: ArchiveFormat = option(ArchiveFormat.DOCKER, help="docker: as docker save writes; oci: an image layout")
    compression: Compression | None = option(
        None, help="of the layers inside; without it docker archives have none, and oci archives what the source has"
    )


@hookimpl
def occystrap_outputs() -> Iterable[OutputSpec]:
    yield OutputSpec(
        name="tar",
        summary="an archive for docker load, podman load and skopeo",
        implementation="occystrap_outputs.tar.output:open_output",
        options=TarOutputOptions,
        grammar="tar://PATH[?format=docker|oci][&compression=none|gzip|zstd][&name=NAME] (- is standard output)",
        aliases=("file",),
    )


@hookimpl
def occystrap_verifiers() -> Iterable[VerifierSpec]:
    yield VerifierSpec(
        name="tar",
        summary="opens the archive again: every document and layer there, once, as written",
        implementation="occystrap_outputs.tar.verifier:TarVerifier",
        schemes=("tar",),
    )
