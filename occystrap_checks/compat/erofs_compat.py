"""Layers in EROFS format, and who reads them."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
from occystrap_checks.compat.layer_types import are, layers_where
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl

_MEDIA_TYPE = "application/vnd.erofs.layer.v1"


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="erofs-compat",
        summary="the targets read EROFS layers",
        implementation="occystrap_checks.compat.erofs_compat:ErofsCompat",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="EROFS layers are file systems, not archives; containerd mounts them since 2.3. Judged for named targets.",
        example='occystrap check --targets "containerd>=1.7" on an image with layers of application/vnd.erofs.layer.v1',
        remedy="Build the image with tar layers for these engines.",
    )


class ErofsCompat(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        positions = layers_where(image, lambda media_type: media_type.startswith(_MEDIA_TYPE))
        if not positions:
            return
        for _, reason in feature("erofs").refusals(self.context.targets):
            yield Remark(f"{are(positions)} in EROFS format: {reason}")
