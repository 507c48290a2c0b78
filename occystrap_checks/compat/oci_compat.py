"""Images in OCI media types, on engines that are older than those."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
from occystrap_checks.lenient import media_type_of
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl
from occystrap_core.model.media_types import Family, family_of


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="oci-compat",
        summary="the targets read OCI manifests",
        implementation="occystrap_checks.compat.oci_compat:OciCompat",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Docker before 18.09 pulls images in Docker's own media types only. Judged for named targets.",
        example='occystrap check --targets "docker>=17.06" on an image of buildah',
        remedy="Write the image in Docker's media types: skopeo copy --format v2s2, or docker push.",
    )


class OciCompat(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        if image.is_artifact or family_of(media_type_of(image.manifest)) is not Family.OCI:
            return
        for _, reason in feature("oci-manifest").refusals(self.context.targets):
            yield Remark(f"the image is in OCI media types: {reason}")
