"""One run: a source's images through filters into a destination, then looked at again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from occystrap_core.contracts.filter import FilterReport, StageLayer
from occystrap_core.contracts.output import Closable, Output, Receipt
from occystrap_core.contracts.verifier import Written, WrittenImage
from occystrap_core.engine.arrivals import Arrivals, are_wanted, receive
from occystrap_core.engine.assemble import AssembledImage, assemble_image, assemble_index
from occystrap_core.engine.at_a_time import layers_written_at_a_time
from occystrap_core.engine.chain import OpenFilter
from occystrap_core.engine.destination import open_destination, require_room_for
from occystrap_core.engine.layer_plan import LayerPlan, plan_layers
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.schedule import Stop, run_all
from occystrap_core.engine.sealing import PassResult
from occystrap_core.engine.source_tree import read_tree, require_known_platform, told_by
from occystrap_core.engine.transfer import LayerTransfer
from occystrap_core.engine.turns import turns_at
from occystrap_core.engine.verification import run_verifiers
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.document import Document
from occystrap_core.model.errors import OccystrapError, UsageError, attributed
from occystrap_core.model.image import Image, Index, images_of

if TYPE_CHECKING:
    from occystrap_core.engine.judged_pass import JudgedPass


def process(request: Request) -> Outcome:
    """Do all of it. Whatever is raised, the destination was left as it was."""
    started = time.monotonic()
    require_known_platform(request.source, request.selection)
    output = open_destination(request) if are_wanted(request) else None
    try:
        arrivals = receive(request, output) if output else None
        tree, notes = read_tree(request.source, request.selection)
        output = output or open_destination(request)
        require_room_for(tree, output)
        run = _Run(request, tree, output, list(notes), arrivals, _judged_pass(request))
        receipt = run.write()
        run.notes.extend(told_by(output))
    except BaseException:
        if output:
            output.abort()
        raise
    checked = run.judged.outcome(run.documents, run.assembled.values()) if run.judged else None
    written = time.monotonic()
    with _kept_until_verified(receipt):
        findings = run_verifiers(request, run.written(receipt)) if request.depth else ()
    return Outcome(
        receipt=receipt,
        images=tuple(run.assembled.values()),
        notes=tuple(run.notes),
        findings=findings,
        reports=tuple(map(_report, request.filters)),
        transfer_seconds=written - started,
        verify_seconds=time.monotonic() - written,
        verified=bool(request.depth),
        check=checked,
    )


@contextmanager
def _kept_until_verified(receipt: Receipt) -> Iterator[None]:
    try:
        yield
    finally:
        if isinstance(receipt.evidence, Closable):
            receipt.evidence.close()


@dataclass(slots=True)
class _Run:
    request: Request
    tree: Image | Index
    output: Output
    notes: list[str]
    arrivals: Arrivals | None = None
    judged: JudgedPass | None = None
    assembled: dict[int, AssembledImage] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)
    _put: set[str] = field(default_factory=set)

    def write(self) -> Receipt:
        """Images first, then the attestations of those that arrived as they were, then the indexes."""
        everything = images_of(self.tree)
        self._announce()
        self._transfer([image for image in everything if not image.attests])
        self._transfer([image for image in everything if image.attests and self._still_true(image)])
        root = self._put_tree(self.tree)
        if root is None:
            raise UsageError("the image is an attestation of another one", hint="process the index it came from")
        self._require_unmodified(root)
        self._discard_what_is_not_named()
        with attributed("destination"):
            receipt = self.output.commit(root)
        self._save_layer_cache()
        return receipt

    def _announce(self) -> None:
        announce = getattr(self.output, "announce", None)
        if announce and isinstance(self.tree, Image) and all(each.filter.observes for each in self.request.filters):
            with attributed("destination"):
                announce(self.tree)

    def written(self, receipt: Receipt) -> Written:
        request, reopen = self.request, self.request.reopen_destination
        return Written(
            receipt=receipt,
            images=tuple(
                WrittenImage(each.source, each.manifest, each.config, each.layers) for each in self.assembled.values()
            ),
            documents=tuple(self.documents),
            filters=tuple(each.filter.changes for each in request.filters),
            settings=request.settings,
            reopen_source=request.reopen_source,
            reopen_destination=(lambda: reopen(receipt)) if reopen else None,
        )

    def _transfer(self, images: Sequence[Image]) -> None:
        first = sum(len(done.layers) for done in self.assembled.values())
        plans = list(plan_layers(images, self.output.traits, self.request.source.traits.unpacked, first))
        self._require_kept(plans)
        filtered = bool(self.request.filters)
        judged = self.judged is not None
        workers = layers_written_at_a_time(self.request.source, self.request.settings, plans, filtered, judged)
        stop = Stop(self.request.source, self.output)
        beside = self.judged.beside if self.judged else None
        turns = turns_at(self.output.traits, self.request.settings)
        if not self.request.source.traits.remote:
            workers = min(workers, turns.at_once)
        threads = _threads_each(plans, min(workers, turns.at_once))
        transfer = LayerTransfer(self.request, self.output, stop, threads, turns, self.arrivals, beside)
        results = iter(run_all(transfer.run, plans, workers, stop))
        self.notes.extend(sorted(transfer.notes))
        if self.request.filters:
            self.notes.extend(_unfiltered(plans))
        for image in images:
            self._assemble(image, [next(results) for _ in image.layers])

    def _assemble(self, image: Image, results: Sequence[PassResult]) -> None:
        wanted = () if image.is_artifact or image.attests else self.request.filters
        for position, each in enumerate(wanted):
            with attributed(f"filter {each.name!r}"):
                each.filter.finish(image, tuple(_stage(result, position) for result in results))
        filters = [each.filter for each in wanted]
        layers = [result.sealed for result in results]
        self.assembled[id(image)] = assemble_image(image, layers, filters, self.output.traits.family)

    def _still_true(self, attestation: Image) -> bool:
        """Whether what an attestation speaks of arrives under the digest it names."""
        arrived = {str(image.descriptor.digest) for image in self.assembled.values()}
        if attestation.attests in arrived:
            return True
        self.notes.append(
            f"dropped the attestation {attestation.descriptor.digest.short}: the image it vouches for was changed"
        )
        return False

    def _put_tree(self, node: Image | Index) -> Descriptor | None:
        if isinstance(node, Image):
            image = self.assembled.get(id(node))
            if image is None:
                return None
            self._put_document(image.config)
            self._put_document(image.manifest)
            return image.descriptor
        children = [self._put_tree(child) for child in node.children]
        index = assemble_index(node, children, self.output.traits.family)
        self._put_document(index)
        return Descriptor(
            index.media_type, index.digest, len(index.raw), node.descriptor.platform, node.descriptor.extra
        )

    def _put_document(self, document: Document) -> None:
        if str(document.digest) in self._put:
            return
        self._put.add(str(document.digest))
        self.documents.append(document)
        with attributed("destination"):
            self.output.put_document(document)

    def _discard_what_is_not_named(self) -> None:
        if self.arrivals:
            layers = {layer.blob.digest for image in self.assembled.values() for layer in image.layers}
            self.arrivals.discard_all_but(layers | {document.digest for document in self.documents})

    def _save_layer_cache(self) -> None:
        """The image is where it belongs: a cache that cannot be written is no reason to fail."""
        if self.request.layer_cache is None:
            return
        try:
            self.request.layer_cache.save()
        except OccystrapError as error:
            self.notes.append(f"the layer cache was not saved: {error.message}")

    def _require_kept(self, plans: Sequence[LayerPlan]) -> None:
        """A layer that is stored otherwise makes another image: nothing need be sent to find that out."""
        reason = self.output.cannot_modify_reason()
        other = next((plan for plan in plans if not plan.keeps_blob), None)
        if reason and other:
            raise UsageError(
                f"{reason}; {other} would be stored as {other.stored_as}, and lies as {other.declared}",
                side="destination",
                hint="drop the filters and conversions, or the digest",
            )

    def _require_unmodified(self, root: Descriptor) -> None:
        reason = self.output.cannot_modify_reason()
        if reason and root.digest != self.tree.descriptor.digest:
            raise UsageError(
                f"{reason}; the image would arrive as {root.digest}",
                side="destination",
                hint="drop the filters and conversions, or the digest",
            )


def _judged_pass(request: Request) -> JudgedPass | None:
    if request.judging is None:
        return None
    from occystrap_core.engine.judged_pass import JudgedPass  # only who judges pays for it

    return JudgedPass(request.judging, request.source, request.settings, request.progress)


def _report(opened: OpenFilter) -> tuple[str, FilterReport]:
    with attributed(f"filter {opened.name!r}"):
        return opened.name, opened.filter.report()


def _stage(result: PassResult, position: int) -> StageLayer:
    sealed = result.sealed
    unread = StageLayer(sealed.source, sealed.source.diff_id, 0, changed=False)
    return result.stages.get(position, unread)


def _unfiltered(plans: Sequence[LayerPlan]) -> Iterator[str]:
    """Layers of images that filters would have been for: encrypted ones, for example."""
    for plan in plans:
        if not (plan.layer.is_tar or plan.image.is_artifact or plan.image.attests):
            yield f"{plan} is {plan.layer.descriptor.media_type or 'of no type'}: it goes past the filters as it is"


def _threads_each(plans: Sequence[LayerPlan], workers: int) -> int:
    """Compression threads for each layer: all for a single one, fewer as more layers run at once."""
    cores = os.cpu_count() or 1
    return max(1, -(-cores // max(1, min(len(plans), workers))))
