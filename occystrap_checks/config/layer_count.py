"""Layers of the manifest against diff_ids of the config."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_object
from occystrap_checks.wording import counted
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="layer-count",
        summary="the config has a diff_id for each layer of the manifest",
        implementation="occystrap_checks.config.layer_count:LayerCount",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Engines pair layers and diff_ids by position: with another number of them the image cannot be unpacked.",
        example="A manifest that got one more layer while its config stayed as it was.",
        remedy="Add or remove layers with a tool that writes manifest and config together, or build the image again.",
    )


class LayerCount(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None or not isinstance((image.manifest.json or {}).get("layers"), list):
            return ()
        diff_ids = as_object(config.get("rootfs")).get("diff_ids")
        layers, count = len(image.layers) + image.left_out, len(diff_ids) if isinstance(diff_ids, list) else 0
        if layers == count:
            return (
                Remark(
                    f"the manifest has {counted(layers, 'layer')}, the config as many diff_ids", severity=Severity.INFO
                ),
            )
        return (Remark(f"the manifest has {counted(layers, 'layer')}, the config {counted(count, 'diff_id')}"),)
