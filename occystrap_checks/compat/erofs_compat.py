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
        why="EROFS layers are file systems, not archives; containerd mounts them since 2.3. Without "
        "--targets a warning says so; with them, it is an error where a named engine cannot.",
        example='occystrap check --targets "containerd>=1.7" on an image with layers of application/vnd.erofs.layer.v1',
        remedy="Build the image with tar layers for these engines.",
    )


class ErofsCompat(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        positions = layers_where(image, lambda media_type: media_type.startswith(_MEDIA_TYPE))
        if not positions:
            return
        erofs = feature("erofs")
        if not self.context.targets:
            yield Remark(f"{are(positions)} in EROFS format, which takes {erofs.in_words()}", severity=Severity.WARNING)
        for _, reason in erofs.refusals(self.context.targets):
            yield Remark(f"{are(positions)} in EROFS format: {reason}")
