"""Artifacts, on engines that take them for images."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
from occystrap_checks.lenient import media_type_of
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl
from occystrap_core.model.media_types import MANIFESTS
from occystrap_core.model.targets import version_text


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="artifact-compat",
        summary="the targets tell artifacts from images",
        implementation="occystrap_checks.compat.artifact_compat:ArtifactCompat",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Docker before 24.0 tries to pull an artifact like an image and fails with a message that names no reason. "
        "Judged for named targets.",
        example='occystrap check --targets "docker>=20.10" on a Helm chart',
        remedy="Keep artifacts out of repositories whose tags such engines pull.",
    )


class ArtifactCompat(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        if not image.is_artifact or media_type_of(image.manifest) not in MANIFESTS:
            return
        oldest = dict(self.context.targets)
        for engine, _ in feature("artifact").refusals(self.context.targets):
            yield Remark(
                f"this is an artifact, and {engine} {version_text(oldest[engine], engine)} fails on it without a reason"
            )
