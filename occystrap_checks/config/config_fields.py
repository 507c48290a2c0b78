"""The types of a config's fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_digest, as_list, as_object, as_written
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl

Fits = Callable[[object], bool]


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="config-fields",
        summary="the fields of the config are of their types",
        implementation="occystrap_checks.config.config_fields:ConfigFields",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Engines read the config into typed fields: one of another type makes them refuse the whole image.",
        example='"Entrypoint": "/bin/app", or a rootfs without diff_ids',
        remedy='Write lists as lists ("Entrypoint": ["/bin/app"]) and digests as digests, or build the image again.',
    )


class ConfigFields(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None:
            return
        yield from _misfits(config, _TOP, "")
        yield from _misfits(as_object(config.get("config")), _RUN, "config.")
        for number, step in enumerate(as_list(config.get("history"))):
            yield from _misfits(as_object(step), _STEP, f"history[{number}].")
        rootfs = config.get("rootfs")
        diff_ids = as_object(rootfs).get("diff_ids")
        if rootfs is None:
            yield Remark("the config has no rootfs", severity=None if image.layers else Severity.WARNING)
        elif diff_ids is None and image.layers:
            yield Remark("the config's rootfs has no diff_ids")
        elif diff_ids is not None and not _is_list(diff_ids):
            yield Remark(f"rootfs.diff_ids is {as_written(diff_ids)}, which is no list")
        else:
            yield from _bad_diff_ids(diff_ids or [])


def _misfits(found: Mapping[str, Any], fields: Mapping[str, tuple[Fits, str]], prefix: str) -> Iterator[Remark]:
    """null counts as left out, as it does to Go."""
    for key, (fits, wanted) in fields.items():
        value = found.get(key)
        if value is not None and not fits(value):
            yield Remark(f"{prefix}{key} is {as_written(value)}, which is no {wanted}")


def _bad_diff_ids(diff_ids: list[object]) -> Iterator[Remark]:
    for position, diff_id in enumerate(diff_ids):
        if as_digest(diff_id) is None and not _is_other_digest(diff_id):
            yield Remark(f"rootfs.diff_ids[{position}] is {as_written(diff_id)}, which is no digest")


def _is_other_digest(value: object) -> bool:
    """Of an algorithm that this project does not know, which another rule speaks about."""
    return isinstance(value, str) and ":" in value and value.partition(":")[0] not in ("", "sha256", "sha512")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


_TEXT, _FLAG, _OBJECT = (_is_text, "text"), (_is_flag, "true or false"), (_is_object, "object")
_TEXTS, _OBJECTS = (_is_texts, "list of texts"), (_is_objects, "list of objects")
_TOP = {
    "architecture": _TEXT, "os": _TEXT, "variant": _TEXT, "os.version": _TEXT, "author": _TEXT, "created": _TEXT,
    "os.features": _TEXTS, "config": _OBJECT, "rootfs": _OBJECT, "history": _OBJECTS,
}  # fmt: skip
_STEP = {"created": _TEXT, "created_by": _TEXT, "author": _TEXT, "comment": _TEXT, "empty_layer": _FLAG}
_RUN = {
    "User": _TEXT, "WorkingDir": _TEXT, "StopSignal": _TEXT, "Entrypoint": _TEXTS, "Cmd": _TEXTS, "Env": _TEXTS,
    "Shell": _TEXTS, "OnBuild": _TEXTS, "ExposedPorts": _OBJECT, "Volumes": _OBJECT, "Healthcheck": _OBJECT,
    "ArgsEscaped": _FLAG,
}  # fmt: skip
