"""Labels and annotations of one name that say different things."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_object, run_settings
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="label-annotation-drift",
        summary="a label and an annotation of one name say the same",
        implementation="occystrap_checks.graph.label_annotation_drift:LabelAnnotationDrift",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Docker shows labels, registries show annotations: where they differ, the same image is version 1 here and "
        "version 2 there. Often the label is the base image's.",
        example="FROM ubuntu (label org.opencontainers.image.version=24.04), built with "
        "--annotation org.opencontainers.image.version=1.3",
        remedy="Set the label to the same value as the annotation: LABEL org.opencontainers.image.version=1.3.",
    )


class LabelAnnotationDrift(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        labels = as_object(run_settings(image.config).get("Labels"))
        for key, value in as_object((image.manifest.json or {}).get("annotations")).items():
            label = labels.get(key, value)
            if label != value:
                yield Remark(f"'{shown(key)}' is '{shown(label)}' as a label and '{shown(value)}' as an annotation")
