"""How the config says that layers are laid over each other."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_object, as_written
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="rootfs-type",
        summary='the config\'s rootfs is of type "layers"',
        implementation="occystrap_checks.config.rootfs_type:RootfsType",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why='"layers" is the only type there is; engines refuse any other, and a config without one.',
        example='"rootfs": {"diff_ids": […]}',
        remedy='Write "type": "layers" into the rootfs of the config, or build the image again.',
    )


class RootfsType(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None:
            return ()
        found = as_object(config.get("rootfs")).get("type")
        if found == "layers":
            return (Remark('rootfs.type is "layers"', severity=Severity.INFO),)
        return (Remark(f'rootfs.type is {as_written(found) if found is not None else "missing"}, not "layers"'),)
