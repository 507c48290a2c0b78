"""Docker media types of layers that are compressed with zstd."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, Where, hookimpl
from occystrap_core.model.media_types import DOCKER_LAYER

_TYPE = DOCKER_LAYER + ".zstd"


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="docker-zstd",
        summary="no layer has Docker's media type for zstd, which many engines do not know",
        implementation="occystrap_checks.compression.docker_zstd:DockerZstd",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Podman, Buildah, Skopeo and CRI-O refuse application/vnd.docker.image.rootfs.diff.tar.zstd in every "
        "version, and containerd before 2.0 calls it an unknown type; the same bytes under OCI media types "
        "are understood.",
        example="docker buildx build --output type=image,compression=zstd,oci-mediatypes=false",
        remedy="Build with oci-mediatypes=true, or convert the image to OCI media types.",
    )


class DockerZstd(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        for layer in image.layers:
            if layer.reference.get("mediaType") == _TYPE:
                yield Remark(f"the layer's media type is {_TYPE}", Where(layer=layer.position))
