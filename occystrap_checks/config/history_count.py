"""Steps of the history against layers."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_list, as_object
from occystrap_checks.wording import counted
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="history-count",
        summary="the history has a step for each layer",
        implementation="occystrap_checks.config.history_count:HistoryCount",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="`docker history`, squashing and rebasing pair steps and layers by position, and name the wrong layers "
        "where the numbers differ; `docker history` fails where there are more steps than layers. Engines run such an "
        "image, but no builder makes one, so that it is an error, as it was in Occystrap 0.4.",
        example="A tool that appended a layer to an image and no step to its history.",
        remedy='Add a step for each layer, and "empty_layer": true to steps without one; or leave the history out.',
    )


class HistoryCount(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None:
            return ()
        steps = [as_object(step) for step in as_list(config.get("history"))]
        filled = sum(not step.get("empty_layer") for step in steps)
        layers = len(image.layers) + image.left_out
        if not steps:
            return (Remark("the config has no history", severity=Severity.INFO),)
        if filled == layers:
            return (Remark(f"the history has a step for each layer ({layers})", severity=Severity.INFO),)
        return (
            Remark(
                f"the history has {counted(filled, 'step')} that made a layer, the image {counted(layers, 'layer')}"
            ),
        )
