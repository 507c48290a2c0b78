"""The platform that an index promises, and the one that the image is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.index.platform_names import with_variant, written_platform
from occystrap_checks.lenient import image_config
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown
from occystrap_core.model.platform import Platform


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="platform-mismatch",
        summary="an image is for the platform that its index says",
        implementation="occystrap_checks.index.platform_mismatch:PlatformMismatch",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Docker warns and runs the wrong image; containerd 2.2 and later fetches it, does not unpack it and says "
        "nothing, so that its containers never start.",
        example="docker manifest create app --amend app:amd64 --amend app:arm64, where app:arm64 was built on an amd64 "
        "machine.",
        remedy="Build the image for the platform (docker buildx build --platform …), or correct the index's entry.",
    )


class PlatformMismatch(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        promised = image.manifest.reference.get("platform")
        config = image_config(image.config)
        if image.is_artifact or image.attests or promised is None or config is None:
            return ()
        return tuple(_differences(written_platform(promised), written_platform(config)))


def _differences(index: Platform, config: Platform) -> Iterator[Remark]:
    ours, theirs = with_variant(index), with_variant(config)
    for name, said, found in (("os", ours.os, theirs.os), ("architecture", ours.architecture, theirs.architecture)):
        if said and found and said != found:
            yield Remark(f"the index says {name} '{shown(said)}', the image's config '{shown(found)}'")
    if ours.os_version and theirs.os_version and ours.os_version != theirs.os_version:
        yield Remark(f"the index says os.version '{shown(ours.os_version)}', the config '{shown(theirs.os_version)}'")
    if ours.architecture == theirs.architecture and ours.variant != theirs.variant:
        both = index.variant and config.variant
        yield Remark(
            f"the index says variant '{shown(index.variant)}', the config '{shown(config.variant)}'",
            severity=None if both else Severity.WARNING,
        )
