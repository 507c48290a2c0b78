"""One check: documents as they are, each layer read once for all rules, then the merged view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

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
from occystrap_core.engine.found_documents import OUTSIDE, FoundImages, find_documents
from occystrap_core.engine.said import MAX_PLACES, Said, room_of
from occystrap_core.engine.selection import Selection
from occystrap_core.model.value import value

if TYPE_CHECKING:  # a check of documents does without all that reads layers
    from occystrap_core.engine.judged_layers import JudgedLayers
    from occystrap_core.engine.layer_scan import LayerScan
    from occystrap_core.engine.merged_view import MergedView

MAX_FINDINGS = 500
"""Of one rule and one severity, over all documents and layers: an index can list thousands of images that
are broken in the same way."""

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

    @property
    def unchecked(self) -> tuple[str, ...]:
        """What was not looked at for a reason outside of the image, and the reason."""
        documents = (
            f"the {document.role} {document.reference.get('digest') or document.where.manifest}: {document.trouble}"
            for document in self.found.documents
            if isinstance(document.trouble, OUTSIDE)
        )
        layers = (
            f"layer {facts.layer.position + 1} of {checked.image.where.manifest}: {facts.damage}"
            for checked in self.images
            for facts in checked.facts
            if isinstance(facts.damage, OUTSIDE)
        )
        return (*(str(error) for error in self.found.lacking), *documents, *layers)


def check(request: CheckRequest) -> CheckOutcome:
    """Raises only what keeps the image from being looked at at all."""
    judgement = Judgement(request)
    judgement.begin()
    return judgement.outcome(find_documents(request.source, request.selection))


@dataclass(slots=True)
class Judgement:
    """`read_before` gives the scan of a layer whose blob needs no reading any more."""

    request: CheckRequest
    read_before: Callable[[LayerUnderCheck], LayerScan | None] | None = None
    findings: list[Finding] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    examinations: list[tuple[CheckSpec, Examination]] = field(default_factory=list)
    _layers: JudgedLayers | None = None
    _placed: dict[str, int] = field(default_factory=dict)
    _counts: dict[tuple[str, Severity], int] = field(default_factory=dict)
    _known: set[Finding] = field(default_factory=set)

    @property
    def layers(self) -> JudgedLayers:
        if self._layers is None:
            from occystrap_core.engine.judged_layers import JudgedLayers

            self._layers = JudgedLayers(self)
        return self._layers

    def begin(self) -> None:
        request = self.request
        wanted = [rule for rule in request.rules if not request.fast or rule[0].needs is Needs.DOCUMENTS]
        for spec, start in wanted:
            self.guarded(spec, Where(), lambda spec=spec, start=start: self._start(spec, start))  # type: ignore[misc]

    def outcome(self, found: FoundImages) -> CheckOutcome:
        for document in found.documents:
            for spec, examination in list(self.examinations):
                self.guarded(spec, document.where, lambda: examination.document(document))  # noqa: B023
        images = tuple(self._image(image) for image in found.images)
        self._say_how_many_more()
        return CheckOutcome(tuple(self.findings), found, images)

    def _start(self, spec: CheckSpec, start: Callable[[CheckContext], Examination]) -> Iterable[Remark]:
        self.examinations.append((spec, start(self.request.context)))
        return ()

    def _image(self, image: ImageUnderCheck) -> CheckedImage:
        for spec, examination in list(self.examinations):
            self.guarded(spec, image.where, lambda: examination.image(image))  # noqa: B023
        if self.request.fast or not any(spec.needs is not Needs.DOCUMENTS for spec, _ in self.examinations):
            return CheckedImage(image, (), None)
        facts, view = self.layers.read(image)
        if view and not image.is_artifact and not image.attests and not image.left_out and _is_whole(facts):
            for spec, examination in list(self.examinations):
                self.guarded(spec, image.where, lambda: examination.view(image, view))  # noqa: B023
        if view and self.layers.keeps(view):
            return CheckedImage(image, facts, view)
        return CheckedImage(image, tuple(replace(each, listing=None) for each in facts), None)

    def guarded(self, spec: CheckSpec, where: Where, question: Callable[[], Iterable[Remark]]) -> None:
        """A rule is foreign code: that it crashes is a finding, and it is not asked again."""
        if spec.name in self.failed:
            return
        try:
            self.say(spec, where, Said(question()))
        except Exception as error:  # noqa: BLE001  # see above
            self.fail(spec, where, f"{type(error).__name__}: {error}")

    def say(self, spec: CheckSpec, place: Where, remarks: Iterable[Remark]) -> None:
        wanted = self.request.severities.get(spec.name)
        for remark in remarks:
            where = _completed(remark.where, place)
            severity = _severity(spec, remark, wanted)
            self._keep(Finding(spec.name, severity, remark.message, where, spec.remedy), remark.places)

    def _keep(self, finding: Finding, places: Sequence[Where]) -> None:
        """What is listed several times is judged several times, and told once."""
        if finding in self._known:
            return
        kind = (finding.check, finding.severity)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= MAX_FINDINGS:
            self._known.add(finding)
            self.findings.append(replace(finding, places=self._placed_at(finding, places)) if places else finding)

    def _say_how_many_more(self) -> None:
        remedies = {spec.name: spec.remedy for spec, _ in self.request.rules}
        for (rule, severity), count in self._counts.items():
            if count > MAX_FINDINGS:
                message = f"and {count - MAX_FINDINGS} more of these in other places"
                self.findings.append(Finding(rule, severity, message, remediation=remedies[rule]))

    def _placed_at(self, finding: Finding, places: Sequence[Where]) -> tuple[Where, ...]:
        """As many as there is room for; long paths take more."""
        kept, placed = [], self._placed.get(finding.check, 0)
        for each in places:
            if placed >= MAX_PLACES:
                break
            placed += room_of(each)
            kept.append(_completed(each, finding.where))
        self._placed[finding.check] = placed
        return tuple(kept)

    def fail(self, spec: CheckSpec, where: Where, error: str) -> None:
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


def _completed(where: Where, place: Where) -> Where:
    return Where(
        where.index or place.index,
        where.manifest or place.manifest,
        place.layer if where.layer is None else where.layer,
        where.entry or place.entry,
    )
