"""The layers of the images that are checked: each blob read once for all rules, then laid over each other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from occystrap_core.contracts.check import Examination, ImageUnderCheck, LayerFacts, LayerUnderCheck, Needs, Remark
from occystrap_core.contracts.finding import Severity
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.engine.at_a_time import layers_read_at_a_time
from occystrap_core.engine.budget import Budget
from occystrap_core.engine.content_peek import Examiner
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.layer_scan import LayerScan, Tap
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.engine.schedule import Stop, run_all
from occystrap_core.model.errors import LimitExceeded

if TYPE_CHECKING:
    from occystrap_core.engine.check import Judgement

_ABOUT_BOMBS = "compression-bomb"
"""The rule that also speaks of layers that are too much together, where it was asked."""

_LayerKey = tuple[str, str, str]


class JudgedLayers:
    """`scan` can be asked for layers that are read in another way; `read` reads what the image still lacks."""

    def __init__(self, judgement: Judgement) -> None:
        self._judgement = judgement
        self._request = judgement.request
        self._scans: dict[_LayerKey, tuple[LayerFacts, LayerRecords]] = {}
        self._budget = Budget()
        self._kept = Budget()

    def read(self, image: ImageUnderCheck) -> tuple[tuple[LayerFacts, ...], MergedView | None]:
        """Each blob once, also where several images or positions share it. No view of what is too much."""
        self._budget = Budget()
        new: dict[_LayerKey, LayerUnderCheck] = {}
        for layer in image.layers:
            if _key(layer) not in self._scans:
                new.setdefault(_key(layer), layer)
        scans = self._run(image, list(new.values()))
        for key, (scan, facts) in zip(new, scans, strict=True):
            self._scans[key] = (facts, scan.records)
            self._take(image, scan)
        scanned = [self._scans[_key(layer)] for layer in image.layers]
        here = tuple(
            replace(facts, layer=replace(layer, descriptor=facts.layer.descriptor))
            for (facts, _), layer in zip(scanned, image.layers, strict=True)
        )
        if error := self._excess(image, set(new)):
            self._say_too_much(image, error)
            return here, None
        return here, MergedView([records.at(place) for place, (_, records) in enumerate(scanned)], here)

    def keeps(self, view: MergedView) -> bool:
        """Whether a view may be kept when the next image is read; else nobody may hold it."""
        try:
            for layer in range(len(view.facts)):
                view.listing(layer).claim_from(self._kept)
        except LimitExceeded:
            if self._judgement.read_before is None:
                self._scans.clear()
            return False
        return True

    def _excess(self, image: ImageUnderCheck, claimed: set[_LayerKey]) -> LimitExceeded | None:
        """Records that several positions share count in each."""
        try:
            for layer in image.layers:
                if _key(layer) not in claimed:
                    self._scans[_key(layer)][1].claim_from(self._budget)
                claimed.discard(_key(layer))
        except LimitExceeded as error:
            return error
        return None

    def _say_too_much(self, image: ImageUnderCheck, error: LimitExceeded) -> None:
        asked = [spec for spec, _ in self._judgement.examinations if spec.needs is not Needs.DOCUMENTS]
        rule = next((spec for spec in asked if spec.name == _ABOUT_BOMBS), asked[0])
        message = f"the layers were not laid over each other: {error.message}"
        self._judgement.say(rule, image.where, [Remark(message, severity=Severity.ERROR)])

    def _run(self, image: ImageUnderCheck, layers: Sequence[LayerUnderCheck]) -> Iterable[tuple[LayerScan, LayerFacts]]:
        request, read_before = self._request, self._judgement.read_before
        stop = Stop(request.source)
        threads = max(1, -(-(os.cpu_count() or 1) // max(1, min(len(layers), request.settings.parallel))))
        scans = [
            (read_before(layer) if read_before else None) or self._tapped(image, layer, stop, threads)
            for layer in layers
        ]
        descriptors = (layer.descriptor for layer in layers)
        workers = layers_read_at_a_time(request.source, request.settings, descriptors)
        return zip(scans, run_all(LayerScan.run, scans, workers, stop), strict=True)

    def _tapped(self, image: ImageUnderCheck, layer: LayerUnderCheck, stop: Stop, threads: int) -> LayerScan:
        size = layer.descriptor.size if layer.descriptor else None
        task = self._request.progress.start(f"layer {layer.position + 1}", size)
        return self.scan(image, layer, lambda chunks: stop.tap(chunks, task), threads)

    def scan(self, image: ImageUnderCheck, layer: LayerUnderCheck, tap: Tap, threads: int) -> LayerScan:
        examiners: list[Examiner] = []
        judgement = self._judgement
        for spec, examination in judgement.examinations:
            if layer.is_tar or spec.needs is Needs.LAYERS:
                judgement.guarded(spec, image.where, lambda: _begin(examiners, spec, examination, image, layer))  # noqa: B023
        kept = frozenset(path.strip("/").encode() for spec, _ in judgement.examinations for path in spec.content)
        records = LayerRecords(layer.position, self._budget)
        return LayerScan(self._request.source, layer, tuple(examiners), tap, threads, records, kept)

    def _take(self, image: ImageUnderCheck, scan: LayerScan) -> None:
        here = replace(image.where, layer=scan.layer.position)
        specs = {examiner.spec.name: examiner.spec for examiner in scan.examiners}
        for rule, remarks in sorted(scan.remarks.items()):
            self._judgement.say(specs[rule], here, remarks)
        for rule, error in sorted(scan.failures.items()):
            self._judgement.fail(specs[rule], here, error)


def _begin(
    examiners: list[Examiner],
    spec: CheckSpec,
    examination: Examination,
    image: ImageUnderCheck,
    layer: LayerUnderCheck,
) -> Iterable[Remark]:
    if (started := examination.layer(image, layer)) is not None:
        examiners.append(Examiner(spec, started))
    return ()


def _key(layer: LayerUnderCheck) -> _LayerKey:
    if layer.descriptor is None:
        return (f"position {layer.position}", "", "")
    return (str(layer.descriptor.digest), layer.descriptor.media_type, str(layer.diff_id))
