"""Triggers for images that are built on this one."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_texts, run_settings
from occystrap_checks.wording import counted
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="onbuild",
        summary="the config has no ONBUILD triggers",
        implementation="occystrap_checks.config.onbuild:OnBuild",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="They run in every image built FROM this one, unseen in its Dockerfile, and are lost in the OCI format: "
        "the same Dockerfile gives different images.",
        example="ONBUILD COPY . /app",
        remedy="Remove ONBUILD, and say in the documentation what images built on this one should do.",
    )


class OnBuild(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        if judged_config(image) is None:
            return ()
        triggers = as_texts(run_settings(image.config).get("OnBuild"))
        if not triggers:
            return ()
        return (
            Remark(f"the config has {counted(len(triggers), 'ONBUILD trigger')}, the first is '{shown(triggers[0])}'"),
        )
