"""One fused pass over a layer: read, check, inflate, filter, hash, deflate, hand over.

Three ways lead through here, and each seals the layer:

- a blob nobody opens is copied as it lies, or reused where the destination has it;
- a layer that must be opened, or is stored in another compression, streams through once;
- where a filter may turn out to change nothing, the pass first only looks (it probes), with
  the blob kept aside: untouched, the original blob goes on; at the first change the pass
  starts again from what was kept aside, so that nothing is read from the source twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain as joined
from typing import TypeVar

from occystrap_core.contracts.input import Chunk, Input
from occystrap_core.contracts.output import Output, Slot, Staged
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.chain import Chain, FirstChange, OpenFilter, Step, begin
from occystrap_core.engine.layer_plan import LayerPlan
from occystrap_core.engine.sealing import (
    Content,
    Made,
    PassResult,
    algorithm_of,
    left_by_each,
    require_diff_id,
    sealed_as_it_lies,
    sealed_as_made,
    stages_of,
)
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import USUAL_ALGORITHM
from occystrap_core.model.errors import attributed
from occystrap_core.model.layer import LayerStats, SealedLayer
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec import deflate, inflate, sniff
from occystrap_core.streams.reading import reading
from occystrap_core.streams.relay import relay
from occystrap_core.streams.spool import Spool
from occystrap_core.streams.verified import Measured, verified

AnyChunk = TypeVar("AnyChunk", bound=Chunk)
Stream = Generator[Chunk, None, None]
Tap = Callable[[Iterable[Chunk]], Iterator[Chunk]]
"""Wraps a stream to count its chunks and to stop it when the run is cancelled."""


Beside = Callable[[LayerPlan, Iterable[Chunk], Descriptor | None], contextlib.AbstractContextManager[Iterable[Chunk]]]
"""Wraps the bytes of a blob that go to the destination, for somebody who looks on. Their descriptor
is None where it is known only at their end."""


@dataclass(frozen=True, slots=True)
class LayerPass:
    """The work on one planned layer, on the thread that calls `run`. `output` None only reads.

    `threads` is how many more may help: to compress, and, where there are any, to hash.
    `in_turn` holds the blob back, checked already, until the layer may be worked on.
    """

    plan: LayerPlan
    source: Input
    output: Output | None
    filters: Sequence[OpenFilter]
    settings: Settings
    tap: Tap
    threads: int
    beside: Beside | None = None
    in_turn: Tap = iter

    def run(self) -> PassResult:
        steps = begin(self.filters, self.plan.layer, self.plan.image) if self.plan.layer.is_tar else ()
        if self.output is None:
            return self._probed(steps)
        if not steps and self.plan.keeps_blob:
            return PassResult(self._copied(self._verified_blob(threaded=False)), {})
        if steps and self.plan.keeps_blob and self.plan.stored_as is not Compression.NONE:
            return self._probed(steps)
        if not steps and self.plan.stored_as is Compression.NONE and (sealed := self._unpacked_there()):
            return PassResult(sealed, {})
        with contextlib.closing(self._verified_blob()) as blob:
            return self._streamed(steps, blob)

    # Copying

    def _copied(self, chunks: Stream) -> SealedLayer:
        """The original blob at the destination; `chunks` stays unread where it is there already."""
        layer, blob = self.plan.layer, self.plan.layer.descriptor
        sealed = sealed_as_it_lies(self.plan)
        with attributed("destination"), contextlib.closing(chunks):
            if self._destination.holds(blob.digest) == blob.size:
                return replace(sealed, reused=True)
            staged = self._put(chunks, Slot(self.plan.order, blob))
            self._destination.keep(staged, blob, sealed if layer.is_tar else None)
        return sealed

    def _unpacked_there(self) -> SealedLayer | None:
        """The layer, if the destination holds its uncompressed bytes already."""
        layer = self.plan.layer
        with attributed("destination"):
            size = self._destination.holds(layer.diff_id) if layer.diff_id else None
        if layer.diff_id is None or size is None:
            return None
        blob = replace(layer.descriptor, media_type=self.plan.media_type, digest=layer.diff_id, size=size)
        return SealedLayer(layer, layer.diff_id, blob, changed=False, reused=True, uncompressed_size=size)

    # Looking before touching

    def _probed(self, steps: tuple[Step, ...]) -> PassResult:
        with Spool(self.settings.temp_dir) as aside, contextlib.closing(self._verified_blob()) as blob:
            chain = Chain(steps, self._measured, probing=True)
            teed = _teed(blob, aside) if self._needs_aside(steps) else blob
            if (source := self._untouched(chain, teed)) is None:
                del chain, teed
                again = begin(self.filters, self.plan.layer, self.plan.image)
                return replace(self, plan=self.plan.changed)._streamed(again, joined(aside.chunks(), blob))
            require_diff_id(self.plan, source.digest)
            found = Content.of(source)
            sealed = self._copied(aside.chunks()) if self.output else self._unwritten()
            stats = chain.census.stats(source.size, source.size)
            sealed = replace(sealed, uncompressed_size=source.size, stats=stats)
            return PassResult(sealed, stages_of(self.plan, left_by_each(chain, found, found)))

    def _untouched(self, chain: Chain, blob: Iterable[Chunk]) -> Measured | None:
        with contextlib.closing(self._inflated(blob)) as plain:
            source = self._measured(plain)
            try:
                _drain(chain.run(source))
            except FirstChange:
                return None
        return source

    def _needs_aside(self, steps: tuple[Step, ...]) -> bool:
        if self.output is None:
            return False
        if not all(step.observes for step in steps):
            return True
        with attributed("destination"):
            return self._destination.holds(self.plan.layer.descriptor.digest) is None

    def _unwritten(self) -> SealedLayer:
        return SealedLayer(self.plan.layer, self.plan.layer.diff_id, self.plan.layer.descriptor, changed=False)

    # Streaming

    def _streamed(self, steps: tuple[Step, ...], blob: Iterable[Chunk]) -> PassResult:
        made = self.made(steps, blob)
        result = sealed_as_made(self.plan, made)
        with attributed("destination"):
            self._destination.keep(made.staged, result.sealed.blob, result.sealed)
        return result

    def made(self, steps: tuple[Step, ...], blob: Iterable[Chunk]) -> Made:
        """What `blob` becomes, at the destination, without a name yet."""
        chain = Chain(steps, self._measured)
        with contextlib.closing(self._inflated(blob)) as plain:
            source = self._measured(plain)
            result = self._measured(chain.run(source)) if steps else source
            with attributed("destination"):
                stored, staged = self._stage(result)
        read, left = Content.of(source), Content.of(result)
        stats = chain.census.stats(read.size, left.size) if steps else LayerStats()
        return Made(read, left, Content.of(stored), staged, left_by_each(chain, read, left), stats)

    def _stage(self, result: Measured) -> tuple[Measured, Staged]:
        slot = Slot(self.plan.order)
        if self.plan.stored_as is Compression.NONE:
            # Blobs that are made here are named as everybody names blobs, whatever the config does.
            stored = result if algorithm_of(self.plan) == USUAL_ALGORITHM else Measured(result)
            return stored, self._put(stored, slot)
        with contextlib.closing(deflate(result, self.plan.stored_as, threads=self.threads)) as deflated:
            stored = Measured(deflated)
            return stored, self._put(stored, slot)

    def _put(self, chunks: Iterable[Chunk], slot: Slot) -> Staged:
        if self.beside is None:
            return self._destination.put_blob(chunks, slot)
        with self.beside(self.plan, chunks, slot.expected) as passing:
            return self._destination.put_blob(passing, slot)

    @property
    def _destination(self) -> Output:
        assert self.output is not None
        return self.output

    def _verified_blob(self, *, threaded: bool = True) -> Stream:
        """The source is asked for the blob when the first chunk is. Hashing beside costs a copy
        of every chunk, which pays only where the chunk is inflated meanwhile."""
        descriptor = self.plan.layer.descriptor
        with attributed("source"):
            blob = self.tap(self.source.blob(descriptor))
            checked = verified(blob, descriptor, "layer", threaded=threaded and self.threads > 1)
            with reading(self.in_turn(checked)) as passing:
                yield from passing

    def _inflated(self, blob: Iterable[Chunk]) -> Generator[bytes, None, None]:
        """The uncompressed bytes, read and inflated on a thread that ends when this is closed."""
        return relay(_from_source(_inflated_as_found(blob, self.plan.declared)))

    def _measured(self, plain: Iterable[Chunk]) -> Measured:
        return Measured(plain, algorithm_of(self.plan))


def _inflated_as_found(blob: Iterable[Chunk], declared: Compression) -> Iterator[Chunk]:
    """Inflate by what the bytes are: a media type that says otherwise is only believed for bytes without magic."""
    chunks = iter(blob)
    head = next(chunks, b"")
    found = sniff(bytes(head[:16])) or Compression.NONE
    return inflate(joined((head,), chunks), found if head else declared)


def _from_source(chunks: Iterable[AnyChunk]) -> Generator[AnyChunk, None, None]:
    with attributed("source"):
        yield from chunks


def _teed(chunks: Iterable[Chunk], aside: Spool) -> Iterator[Chunk]:
    write = aside.write
    for chunk in chunks:
        write(chunk)
        yield chunk


def _drain(chunks: Iterable[object]) -> None:
    for _ in chunks:
        pass
