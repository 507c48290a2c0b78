"""One check: documents as they are, each layer read once for all rules, then the merged view."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from occystrap_core.contracts.check import (
    CheckContext,
    Examination,
    ImageUnderCheck,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
)
from occystrap_core.contracts.finding import Finding, Severity, Where
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.progress import Progress
from occystrap_core.contracts.settings import Settings
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.engine.at_a_time import layers_read_at_a_time
from occystrap_core.engine.content_peek import Examiner
from occystrap_core.engine.found_documents import FoundImages, find_documents
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.layer_scan import LayerScan, Tap
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.engine.schedule import Stop, run_all
from occystrap_core.engine.selection import Selection
from occystrap_core.model.value import value

MAX_REMARKS = 50
"""Of one rule about one place: a document can hold a hundred thousand of the same fault."""

Rule = tuple[CheckSpec, Callable[[CheckContext], Examination]]


@value
class CheckRequest:
    """`fast` reads documents only. `severities` override those of the rules, by id: what a rule gave a
    severity of its own keeps it where it is the milder one."""

    source: Input
    rules: tuple[Rule, ...]
    selection: Selection
    settings: Settings
    progress: Progress
    context: CheckContext = CheckContext()
    fast: bool = False
    severities: Mapping[str, Severity] = field(default_factory=dict)


@value
class CheckedImage:
    """One image with the facts of its layers, in order, and what each layer hides of those below."""

    image: ImageUnderCheck
    facts: tuple[LayerFacts, ...]
    view: MergedView | None


@value
class CheckOutcome:
    """`findings` in a stable order: by image, then layer, then rule."""

    findings: tuple[Finding, ...]
    found: FoundImages
    images: tuple[CheckedImage, ...]


def check(request: CheckRequest) -> CheckOutcome:
    """Raises only what keeps the image from being looked at at all."""
    judgement = Judgement(request)
    judgement.begin()
    return judgement.outcome(find_documents(request.source, request.selection))


_LayerKey = tuple[str, str, str]


@dataclass(slots=True)
class Judgement:
    """`read_before` gives the scan of a layer whose blob needs no reading any more."""

    request: CheckRequest
    read_before: Callable[[LayerUnderCheck], LayerScan | None] = lambda layer: None
    findings: list[Finding] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    _examinations: list[tuple[CheckSpec, Examination]] = field(default_factory=list)
    _scans: dict[_LayerKey, tuple[LayerFacts, LayerRecords]] = field(default_factory=dict)

    def begin(self) -> None:
        request = self.request
        wanted = [rule for rule in request.rules if not request.fast or rule[0].needs is Needs.DOCUMENTS]
        for spec, start in wanted:
            self._guarded(spec, Where(), lambda spec=spec, start=start: self._start(spec, start))  # type: ignore[misc]

    def outcome(self, found: FoundImages) -> CheckOutcome:
        for document in found.documents:
            for spec, examination in list(self._examinations):
                self._guarded(spec, document.where, lambda: examination.document(document))  # noqa: B023
        images = tuple(self._image(image) for image in found.images)
        return CheckOutcome(tuple(self.findings), found, images)

    def _start(self, spec: CheckSpec, start: Callable[[CheckContext], Examination]) -> Iterable[Remark]:
        self._examinations.append((spec, start(self.request.context)))
        return ()

    def _image(self, image: ImageUnderCheck) -> CheckedImage:
        for spec, examination in list(self._examinations):
            self._guarded(spec, image.where, lambda: examination.image(image))  # noqa: B023
        if self.request.fast or not any(spec.needs is not Needs.DOCUMENTS for spec, _ in self._examinations):
            return CheckedImage(image, (), None)
        facts, records = self._layers(image)
        view = MergedView(records, facts)
        if not image.is_artifact and not image.attests and _is_whole(facts):
            for spec, examination in list(self._examinations):
                self._guarded(spec, image.where, lambda: examination.view(image, view))  # noqa: B023
        return CheckedImage(image, facts, view)

    def _layers(self, image: ImageUnderCheck) -> tuple[tuple[LayerFacts, ...], list[LayerRecords]]:
        """Each blob once, also where several images or positions share it."""
        new: dict[_LayerKey, LayerUnderCheck] = {}
        for layer in image.layers:
            if _key(layer) not in self._scans:
                new.setdefault(_key(layer), layer)
        stop = Stop(self.request.source)
        threads = max(1, -(-(os.cpu_count() or 1) // max(1, min(len(new), self.request.settings.parallel))))
        scans = [self.read_before(layer) or self._scan(image, layer, stop, threads) for layer in new.values()]
        descriptors = (layer.descriptor for layer in new.values())
        workers = layers_read_at_a_time(self.request.source, self.request.settings, descriptors)
        done = run_all(LayerScan.run, scans, workers, stop)
        for key, scan, facts in zip(new, scans, done, strict=True):
            self._scans[key] = (facts, scan.records)
            self._take(image, scan)
        scanned = [self._scans[_key(layer)] for layer in image.layers]
        here = tuple(replace(facts, layer=layer) for (facts, _), layer in zip(scanned, image.layers, strict=True))
        return here, [records.at(place) for place, (_, records) in enumerate(scanned)]

    def _scan(self, image: ImageUnderCheck, layer: LayerUnderCheck, stop: Stop, threads: int) -> LayerScan:
        size = layer.descriptor.size if layer.descriptor else None
        task = self.request.progress.start(f"layer {layer.position + 1}", size)
        return self.scan(image, layer, lambda chunks: stop.tap(chunks, task), threads)

    def scan(self, image: ImageUnderCheck, layer: LayerUnderCheck, tap: Tap, threads: int) -> LayerScan:
        examiners: list[Examiner] = []
        for spec, examination in self._examinations:
            if layer.is_tar or spec.needs is Needs.LAYERS:
                self._guarded(spec, image.where, lambda: self._begin(examiners, spec, examination, image, layer))  # noqa: B023
        return LayerScan(
            self.request.source,
            layer,
            tuple(examiners),
            tap,
            threads,
            LayerRecords(layer.position),
            frozenset(path.strip("/").encode() for spec, _ in self._examinations for path in spec.content),
        )

    def _begin(
        self,
        examiners: list[Examiner],
        spec: CheckSpec,
        examination: Examination,
        image: ImageUnderCheck,
        layer: LayerUnderCheck,
    ) -> Iterable[Remark]:
        if (started := examination.layer(image, layer)) is not None:
            examiners.append(Examiner(spec, started))
        return ()

    def _take(self, image: ImageUnderCheck, scan: LayerScan) -> None:
        here = replace(image.where, layer=scan.layer.position)
        specs = {examiner.spec.name: examiner.spec for examiner in scan.examiners}
        for rule, remarks in sorted(scan.remarks.items()):
            self._say(specs[rule], here, remarks)
        for rule, error in sorted(scan.failures.items()):
            self._fail(specs[rule], here, error)

    def _guarded(self, spec: CheckSpec, where: Where, question: Callable[[], Iterable[Remark]]) -> None:
        """A rule is foreign code: that it crashes is a finding, and it is not asked again."""
        if spec.name in self.failed:
            return
        try:
            self._say(spec, where, list(question()))
        except Exception as error:  # noqa: BLE001  # see above
            self._fail(spec, where, f"{type(error).__name__}: {error}")

    def _say(self, spec: CheckSpec, place: Where, remarks: Sequence[Remark]) -> None:
        wanted = self.request.severities.get(spec.name)
        severities = [_severity(spec, remark, wanted) for remark in remarks]
        for remark, severity in zip(remarks[:MAX_REMARKS], severities, strict=False):
            where = _completed(remark.where, place)
            self.findings.append(Finding(spec.name, severity, remark.message, where, spec.remedy))
        dropped = severities[MAX_REMARKS:]
        if dropped:
            message = f"and {len(dropped)} more of these"
            self.findings.append(Finding(spec.name, worst(dropped), message, place, spec.remedy))

    def _fail(self, spec: CheckSpec, where: Where, error: str) -> None:
        if spec.name not in self.failed:
            self.failed[spec.name] = error
            message = f"the rule itself failed, so the image was not judged by it: {error}"
            remedy = "report this to the author of the rule"
            self.findings.append(Finding(spec.name, Severity.ERROR, message, where, remedy))


def _is_whole(facts: Sequence[LayerFacts]) -> bool:
    """Whether everything that a container would see is known."""
    return all(each.layer.is_tar and each.is_authentic and each.damage is None for each in facts)


def _severity(spec: CheckSpec, remark: Remark, wanted: Severity | None) -> Severity:
    """What somebody `wanted` is a ceiling for remarks that have a severity of their own: the word that all
    is well stays information."""
    if remark.severity is None or wanted is None:
        return remark.severity or wanted or spec.severity
    return max(remark.severity, wanted, key=list(Severity).index)


def worst(severities: Iterable[Severity]) -> Severity:
    return min(severities, key=list(Severity).index)


def _completed(where: Where, place: Where) -> Where:
    return Where(
        where.index or place.index,
        where.manifest or place.manifest,
        place.layer if where.layer is None else where.layer,
        where.entry or place.entry,
    )


def _key(layer: LayerUnderCheck) -> _LayerKey:
    if layer.descriptor is None:
        return (f"position {layer.position}", "", "")
    return (str(layer.descriptor.digest), layer.descriptor.media_type, str(layer.diff_id))
