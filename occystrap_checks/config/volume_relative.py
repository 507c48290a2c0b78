"""Volumes that are not absolute paths."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import is_windows, judged_config
from occystrap_checks.lenient import as_object, run_settings
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="volume-relative",
        summary="volumes are absolute paths",
        implementation="occystrap_checks.config.volume_relative:VolumeRelative",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="docker refuses to make a container with a relative volume, other engines mount it at a place of their own "
        "choice.",
        example='"Volumes": {"data": {}}',
        remedy="Write the whole path: VOLUME /data",
    )


class VolumeRelative(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None or is_windows(config):
            return
        for volume in as_object(run_settings(image.config).get("Volumes")):
            if not volume.startswith("/"):
                yield Remark(f"the volume '{shown(volume)}' is no absolute path")
