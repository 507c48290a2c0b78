"""Blobs that come before the documents that name them.

Such a blob goes on at once where no document can make a difference to what becomes of it: the
destination takes blobs in any order, and every filter promises equal bytes for equal layers.
When the documents are there, the ordinary transfer finds it here, as it finds a layer in the
cache, and seals it by what they say. What is not found here is asked for like any other blob.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Container, Generator
from contextlib import closing
from dataclasses import dataclass, replace

from occystrap_core.contracts.arrival import Arrival, Delivering
from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import Output, Slot
from occystrap_core.contracts.progress import Task
from occystrap_core.engine.chain import begin
from occystrap_core.engine.keeping import Keeping
from occystrap_core.engine.layer_cache import recipe_of
from occystrap_core.engine.layer_pass import LayerPass
from occystrap_core.engine.layer_plan import LayerPlan, stored_as
from occystrap_core.engine.outcome import Request
from occystrap_core.engine.schedule import Stop, run_all
from occystrap_core.engine.sealing import Made, PassResult, sealed_as_it_lies, sealed_as_made
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import (
    CorruptStream,
    DigestMismatch,
    InvalidTar,
    LimitExceeded,
    OccystrapError,
    attributed,
)
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.model.media_types import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Compression
from occystrap_core.streams.codec import codec_version, sniff
from occystrap_core.streams.verified import Measured, verified

_NO_PLACE = -1
_TAR_MAGIC, _MAGIC_AT = b"ustar", 257
_DAMAGED = (CorruptStream, DigestMismatch, InvalidTar, LimitExceeded)


@dataclass(frozen=True, slots=True)
class Early:
    """A layer that was there before its turn. `lay_as` is how the source stores it."""

    result: PassResult
    lay_as: Compression


@dataclass(frozen=True, slots=True)
class _Copied:
    size: int
    lay_as: Compression
    reused: bool


@dataclass(frozen=True, slots=True)
class _Changed:
    made: Made
    kept_as: Compression


def are_wanted(request: Request) -> bool:
    """Whether the source sends blobs before its documents, and nobody has to see a layer in its image."""
    by_bytes_alone = all(each.filter.fingerprint for each in request.filters)
    return isinstance(request.source, Delivering) and by_bytes_alone and request.judging is None


def receive(request: Request, output: Output) -> Arrivals | None:
    """What the source delivers, as far as it went on to `output`; None where that takes nothing early.

    A destination that takes one image only is sent nothing before it is known whether it is that one.
    """
    if not output.traits.any_order or hasattr(output, "announce") or output.cannot_modify_reason():
        return None
    arrivals = Arrivals(request, output)
    arrivals.receive()
    return arrivals


class Arrivals:
    """`take` is called from several threads while everything comes, `found` when all of it is there."""

    def __init__(self, request: Request, output: Output) -> None:
        self._request = request
        self._output = output
        self._stop = Stop(request.source, output)
        self._keeping = Keeping(output, self._stop, request.settings.parallel)
        self._copied: dict[Digest, _Copied] = {}
        self._changed: dict[Digest, _Changed] = {}
        self._numbers = itertools.count(1)

    def receive(self) -> None:
        try:
            run_all(self._receive_from, [self._request.source], 1, self._stop)
        except OccystrapError as error:
            raise self._keeping.failure or error from None
        finally:
            self._keeping.abandon()

    def take(self, arrival: Arrival) -> bool:
        found = _compression_of(arrival)
        if found is None:
            return False
        kept_as = stored_as(found, self._output.traits, self._request.source.traits.unpacked)
        as_it_lies = kept_as is found and not self._request.filters
        if found is not Compression.NONE and not (as_it_lies and arrival.digest):
            return False
        if not as_it_lies and self._may_be_cached(arrival, kept_as):
            return False
        task = self._request.progress.start(f"arriving layer {next(self._numbers)}", arrival.size)
        try:
            self._copy(arrival, found, task) if as_it_lies else self._change(arrival, kept_as, task)
        except _DAMAGED:
            task.done("not as it should be")  # whoever asks for it by its name is told what is wrong
        except BaseException as error:
            self._keeping.failed(error)
            raise
        return True

    def found(self, plan: LayerPlan) -> Early | None:
        """The layer, sealed as if it came now. What was copied is found once: after that it is already there."""
        blob = plan.layer.descriptor
        copied, changed = self._copied.get(blob.digest), self._changed.get(blob.digest)
        if copied and plan.keeps_blob and copied.size == blob.size:
            sealed = replace(sealed_as_it_lies(plan), reused=copied.reused)
            del self._copied[blob.digest]
            return Early(PassResult(sealed, {}), copied.lay_as)
        if changed and _is_meant(plan, changed):
            return Early(sealed_as_made(plan, changed.made), Compression.NONE)
        return None

    def discard_all_but(self, named: Container[Digest]) -> None:
        """What no document names in the end is not to stay where it can be taken back."""
        self._keeping.discard_all_but(named)

    def _receive_from(self, source: object) -> None:
        assert isinstance(source, Delivering)
        try:
            with attributed("source"):
                source.deliver(self.take)
        except BaseException as error:
            self._keeping.failed(error)  # before others fail because of it
            raise
        self._keeping.finish()

    def _copy(self, arrival: Arrival, found: Compression, task: Task) -> None:
        with attributed("destination"):
            blob, reused = self._copy_named(arrival, task) if arrival.digest else self._copy_unnamed(arrival, task)
        if reused:
            task.done("already there")
        self._copied.setdefault(blob.digest, _Copied(blob.size, found, reused))  # the first time counts

    def _copy_named(self, arrival: Arrival, task: Task) -> tuple[Descriptor, bool]:
        assert arrival.digest is not None
        blob = Descriptor("", arrival.digest, arrival.size)
        if self._output.holds(blob.digest) == blob.size:
            return blob, True
        with closing(self._read(arrival, blob, task)) as chunks:
            staged = self._output.put_blob(chunks, Slot(_NO_PLACE, blob))
        self._keeping.keep(staged, blob, task)
        return blob, False

    def _copy_unnamed(self, arrival: Arrival, task: Task) -> tuple[Descriptor, bool]:
        with closing(self._read(arrival, None, task)) as chunks:
            measured = Measured(chunks)
            staged = self._output.put_blob(measured, Slot(_NO_PLACE))
        blob = Descriptor("", measured.digest, measured.size)
        if self._output.holds(blob.digest) == blob.size:
            self._output.discard(staged)
            return blob, True
        self._keeping.keep(staged, blob, task)
        return blob, False

    def _change(self, arrival: Arrival, kept_as: Compression, task: Task) -> None:
        request, plan = self._request, _unknown(arrival, kept_as)
        work = LayerPass(plan, request.source, self._output, request.filters, request.settings, iter, _cores())
        with closing(self._read(arrival, None, task)) as chunks:
            made = work.made(begin(request.filters, plan.layer, plan.image), chunks)
        self._keeping.keep(made.staged, Descriptor("", made.stored.digest, made.stored.size), task)
        self._changed[made.source.digest] = _Changed(made, kept_as)

    def _read(self, arrival: Arrival, expected: Descriptor | None, task: Task) -> Generator[Chunk, None, None]:
        with attributed("source"):
            chunks = self._stop.tap(arrival.chunks, task)
            yield from verified(chunks, expected, "layer") if expected else chunks

    def _may_be_cached(self, arrival: Arrival, kept_as: Compression) -> bool:
        """What the layer cache knows need not be made again."""
        cache = self._request.layer_cache
        if cache is None or cache.is_empty:
            return False
        if arrival.digest is None:
            return True
        fingerprints = tuple(each.filter.fingerprint for each in self._request.filters)
        recipe = recipe_of(fingerprints, kept_as, codec_version(kept_as), arrival.digest)
        return cache.look_up(arrival.digest, recipe) is not None


def _compression_of(arrival: Arrival) -> Compression | None:
    """How a layer is stored; None for what does not begin like one."""
    if found := sniff(arrival.head[:16]):
        return found
    return Compression.NONE if arrival.head.startswith(_TAR_MAGIC, _MAGIC_AT) else None


def _is_meant(plan: LayerPlan, changed: _Changed) -> bool:
    """Whether the ordinary pass would make of this layer what was made of these bytes."""
    layer, source = plan.layer, changed.made.source
    same_layer = layer.is_tar and layer.diff_id == source.digest and layer.descriptor.size == source.size
    return same_layer and (plan.declared, plan.stored_as) == (Compression.NONE, changed.kept_as)


def _unknown(arrival: Arrival, kept_as: Compression) -> LayerPlan:
    """A layer of which nothing is known but its bytes, in an image of which nothing is known."""
    manifest, config = Document(b"{}", OCI_MANIFEST), Document(b"{}", OCI_CONFIG)
    layer = Layer(0, Descriptor(OCI_LAYER, arrival.digest or Digest.of(b""), arrival.size))
    image = Image(manifest.descriptor(), manifest, config.descriptor(), config, (layer,), None)
    return LayerPlan(image, layer, _NO_PLACE, Compression.NONE, kept_as, kept_as)


def _cores() -> int:
    return os.cpu_count() or 1
