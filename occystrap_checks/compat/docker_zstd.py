"""zstd under a media type that Docker never specified."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
from occystrap_checks.compat.layer_types import are, layers_where
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl
from occystrap_core.model.media_types import DOCKER_LAYER

_MEDIA_TYPE = f"{DOCKER_LAYER}.zstd"


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="docker-zstd",
        summary="zstd layers are named by the OCI media type",
        implementation="occystrap_checks.compat.docker_zstd:DockerZstd",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="podman, buildah, skopeo and cri-o refuse Docker's media type for zstd in every version, and containerd "
        "before 2.0 does not know it. With --targets only the named engines count.",
        example="docker buildx build --output type=image,compression=zstd without oci-mediatypes=true",
        remedy="Build with oci-mediatypes=true, or let `occystrap process` write the image in OCI media types.",
    )


class DockerZstd(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        positions = layers_where(image, lambda media_type: media_type == _MEDIA_TYPE)
        if not positions:
            return
        named, targets = feature("docker-zstd"), self.context.targets
        told = {engine for engine, _ in feature("zstd").refusals(targets)}
        if not targets:
            yield Remark(f"{are(positions)} of type {_MEDIA_TYPE}, which takes {named.in_words()}")
        for engine, reason in named.refusals(targets):
            if engine not in told:
                yield Remark(f"{are(positions)} of type {_MEDIA_TYPE}: {reason}")
