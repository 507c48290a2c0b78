"""The rules beside a transfer: they are shown what is written, in the pass that writes it.

What a layer turned out to be, and the documents, are known only at the end: until then a rule
reads a layer without a descriptor, and concludes when the written documents were shown to it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from occystrap_core.contracts.check import CheckContext, ImageUnderCheck, LayerFacts, LayerUnderCheck
from occystrap_core.contracts.finding import Finding, Severity, Where
from occystrap_core.contracts.input import Chunk, Input
from occystrap_core.contracts.needs import Needs
from occystrap_core.contracts.progress import Progress
from occystrap_core.contracts.settings import Settings
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.engine.assemble import AssembledImage
from occystrap_core.engine.check import CheckOutcome, CheckRequest, Judgement, Rule
from occystrap_core.engine.found_documents import find_documents
from occystrap_core.engine.layer_plan import LayerPlan
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.layer_scan import LayerScan
from occystrap_core.engine.selection import Selection
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import NotFound
from occystrap_core.model.image import Image
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import is_layer
from occystrap_core.streams.onlooker import looked_on

NOT_JUDGED = CheckSpec(
    "not-judged",
    "every layer was there to be judged",
    "",
    Severity.INFO,
    Needs.LAYERS,
    why="Of a layer that the destination has already, in another form than the source, no byte goes by.",
    example="A second run with --layer-cache.",
    remedy="Run `occystrap check` on the result.",
)
"""Said by nobody's rule: what `process --check` could not look at."""

_EVERYTHING = Selection((), everything=True)
_Place = tuple[Digest, int]
"""The manifest at the source, and the position of a layer in it."""


@dataclass(frozen=True, slots=True)
class Judging:
    rules: tuple[Rule, ...]
    context: CheckContext = CheckContext()
    severities: Mapping[str, Severity] = field(default_factory=dict)


@dataclass(slots=True)
class JudgedPass:
    """`beside` is called from several threads; `outcome` once, when everything is written."""

    judging: Judging
    source: Input
    settings: Settings
    progress: Progress
    _judgement: Judgement = field(init=False)
    _images: dict[Digest, ImageUnderCheck] = field(default_factory=dict)
    _read: defaultdict[Digest, list[LayerScan]] = field(default_factory=lambda: defaultdict(list))
    _readable: set[Digest] = field(default_factory=set)
    _failed: dict[_Place, str] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        judging = self.judging
        request = CheckRequest(
            self.source,
            judging.rules,
            _EVERYTHING,
            self.settings,
            self.progress,
            judging.context,
            severities=judging.severities,
        )
        self._judgement = Judgement(request, self._scan_of)
        self._judgement.begin()

    @contextmanager
    def beside(
        self, plan: LayerPlan, chunks: Iterable[Chunk], expected: Descriptor | None
    ) -> Iterator[Iterable[Chunk]]:
        """The same chunks; the rules see them, too, and have seen them all when the block is left."""
        scan = self._begun(plan)

        def read(shown: Iterator[bytes]) -> None:
            try:
                scan.read(shown, expected)
            except Exception as error:  # noqa: BLE001  # judging must not break the transfer; it is a finding
                self._failed[_place(plan.image, plan.layer.position)] = f"{type(error).__name__}: {error}"

        with looked_on(chunks, read) as passing:
            yield passing
        if scan.facts and scan.facts.digest:
            with self._guard:
                self._read[scan.facts.digest].append(scan)

    def outcome(self, documents: Sequence[Document], images: Iterable[AssembledImage]) -> CheckOutcome:
        """`documents` are all that were written, the root last."""
        for image in images:
            for layer in image.layers:
                self._account_for(image, layer)
        return self._judgement.outcome(find_documents(_Written(documents), _EVERYTHING))

    def _begun(self, plan: LayerPlan) -> LayerScan:
        """Rules are asked one layer after the other."""
        layer = LayerUnderCheck(
            plan.layer.position, {}, None, None, plan.layer.created_by, is_layer(plan.layer.descriptor.media_type)
        )
        with self._guard:
            return self._judgement.layers.scan(self._at_source(plan.image), layer, iter, 1)

    def _at_source(self, image: Image) -> ImageUnderCheck:
        digest = image.descriptor.digest
        if digest not in self._images:
            [self._images[digest]] = find_documents(_Written((image.config, image.manifest)), _EVERYTHING).images
        return self._images[digest]

    def _account_for(self, image: AssembledImage, layer: SealedLayer) -> None:
        blob, at_source = layer.blob.digest, layer.source
        failure = self._failed.get(_place(image.source, at_source.position))
        if blob in self._read or blob in self._readable:
            return
        if failure is None and blob == at_source.descriptor.digest and self.source.traits.reopenable:
            self._readable.add(blob)
            return
        reason = failure or "the destination had it already"
        message = f"layer {at_source.position + 1} was not read, nor judged what takes all layers: {reason}"
        severity = Severity.ERROR if failure else NOT_JUDGED.severity
        where = Where(manifest=str(image.manifest.digest), layer=at_source.position)
        self._judgement.findings.append(Finding(NOT_JUDGED.name, severity, message, where, NOT_JUDGED.remedy))

    def _scan_of(self, layer: LayerUnderCheck) -> LayerScan | None:
        """None has the source read, for a blob that is the source's own."""
        if layer.descriptor is None or layer.descriptor.digest in self._readable:
            return None
        scans = self._read.get(layer.descriptor.digest)
        if not scans:
            return LayerScan(self.source, layer, (), iter, 1, LayerRecords(layer.position), facts=LayerFacts(layer))
        scan = scans.pop(0)
        scan.turned_out(layer)
        return scan


class _Written:
    """Documents in memory, the root last."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._raw: Mapping[Digest, bytes] = {document.digest: document.raw for document in documents}
        self._root = documents[-1].descriptor()

    def root(self) -> Descriptor:
        return self._root

    def document(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest not in self._raw:
            raise NotFound(f"there is no document {descriptor.digest}")
        return self._raw[descriptor.digest]


def _place(image: Image, position: int) -> _Place:
    return image.descriptor.digest, position
