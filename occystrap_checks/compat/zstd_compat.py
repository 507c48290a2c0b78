"""Layers compressed with zstd, and who reads them."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
from occystrap_checks.compat.layer_types import are, is_zstd, layers_where
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="zstd-compat",
        summary="every engine reads the compression of the layers",
        implementation="occystrap_checks.compat.zstd_compat:ZstdCompat",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="zstd is smaller and faster, but older engines cannot unpack it: Docker reads it since 23.0, containerd "
        "since 1.5. With --targets the finding is an error where a named engine cannot, and absent where all can.",
        example="docker buildx build --output type=image,compression=zstd,oci-mediatypes=true",
        remedy="Name the engines that matter with --targets; where one of them cannot read zstd, write the image with "
        "--compression gzip.",
    )


class ZstdCompat(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        positions = [] if image.is_artifact else layers_where(image, is_zstd)
        if not positions:
            return
        zstd = feature("zstd")
        if not self.context.targets:
            yield Remark(f"{are(positions)} compressed with zstd, which takes {zstd.in_words()}")
        for _, reason in zstd.refusals(self.context.targets):
            yield Remark(f"{are(positions)} compressed with zstd: {reason}", severity=Severity.ERROR)
