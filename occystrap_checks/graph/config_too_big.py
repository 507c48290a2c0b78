"""Configs that some engines do not read."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.document_length import MOST, length_of
from occystrap_checks.lenient import is_image_config
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="config-too-big",
        summary="the config is at most 4 MiB",
        implementation="occystrap_checks.graph.config_too_big:ConfigTooBig",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="podman, skopeo and cri-o read at most 4 MiB of a config and refuse the image otherwise; "
        "docker reads more.",
        example="An image whose labels hold the whole licence texts of its packages.",
        remedy="Move large labels into files of the image.",
    )


class ConfigTooBig(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        length = length_of(document)
        if length <= MOST or not is_image_config(document):
            return ()
        return (Remark(f"the config is {length} bytes long; podman, skopeo and cri-o read {MOST}"),)
