"""Bringing one planned layer to the destination: it came already, or out of the cache, or by a pass."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import Output
from occystrap_core.contracts.progress import Task
from occystrap_core.engine.arrivals import Arrivals
from occystrap_core.engine.layer_cache import CachedLayer, recipe_of
from occystrap_core.engine.layer_pass import Beside, LayerPass, Tap
from occystrap_core.engine.layer_plan import LayerPlan
from occystrap_core.engine.outcome import Request
from occystrap_core.engine.schedule import Stop
from occystrap_core.engine.sealing import PassResult
from occystrap_core.engine.turns import Turns
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import CorruptStream, InvalidTar, LimitExceeded, attributed
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec import codec_version, sniff
from occystrap_core.streams.reading import reading


@dataclass(slots=True)
class LayerTransfer:
    """Called from several threads, once for each layer. Copies of one blob wait for each other,
    so that the second finds what the first has put."""

    request: Request
    output: Output
    stop: Stop
    threads: int
    turns: Turns
    arrivals: Arrivals | None = None
    beside: Beside | None = None
    notes: list[str] = field(default_factory=list)
    _in_flight: defaultdict[Digest, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def run(self, plan: LayerPlan) -> PassResult:
        with self._guard:
            one_at_a_time = self._in_flight[plan.layer.descriptor.digest]
        with one_at_a_time, self.turns.present(plan.order):
            return self._arrived(plan) or self._from_cache(plan) or self._passed(plan)

    def _arrived(self, plan: LayerPlan) -> PassResult | None:
        early = self.arrivals.found(plan) if self.arrivals else None
        if early is None:
            return None
        self._note_wrong_name(plan, early.lay_as)
        self._learn(plan, early.result.sealed)
        return early.result

    def _passed(self, plan: LayerPlan) -> PassResult:
        request = self.request
        task = request.progress.start(str(plan), plan.layer.descriptor.size)
        work = LayerPass(
            plan,
            request.source,
            self.output,
            request.filters,
            request.settings,
            self._tap(plan, task),
            self.threads,
            self.beside,
            self._in_turn(plan),
        )
        try:
            result = work.run()
        except (CorruptStream, InvalidTar, LimitExceeded) as error:
            error.message = f"{plan}: {error.message}"
            raise
        task.done("already there" if result.sealed.reused else "")
        self._learn(plan, result.sealed)
        return result

    def _tap(self, plan: LayerPlan, task: Task) -> Tap:
        def tap(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
            with reading(self.stop.tap(chunks, task)) as passing:
                head = next(passing, b"")
                self._note_wrong_name(plan, sniff(bytes(head[:16])) or Compression.NONE)
                yield head
                yield from passing

        return tap

    def _in_turn(self, plan: LayerPlan) -> Tap:
        return lambda chunks: self.turns.fetched_ahead(chunks, plan.order, self.stop.require_running)

    def _note_wrong_name(self, plan: LayerPlan, found: Compression) -> None:
        """Such a layer is read for what it is, but other tools may believe its media type."""
        if plan.layer.is_tar and found is not plan.declared:
            self.notes.append(f"{plan} is stored as {found}, its media type says {plan.declared}")

    def _from_cache(self, plan: LayerPlan) -> PassResult | None:
        cache = self.request.layer_cache
        if cache is None or not (recipe := self._recipe(plan)):
            return None
        cached = cache.look_up(plan.layer.descriptor.digest, recipe)
        if cached is None or not self._is_there(cached):
            return None
        self.request.progress.start(str(plan), plan.layer.descriptor.size).done("from the layer cache")
        blob = replace(plan.layer.descriptor, media_type=plan.media_type, digest=cached.blob, size=cached.size)
        sealed = SealedLayer(
            source=plan.layer,
            diff_id=cached.diff_id,
            blob=blob,
            changed=cached.diff_id != plan.layer.diff_id,
            reused=True,
            uncompressed_size=cached.uncompressed_size,
        )
        return PassResult(sealed, {})

    def _is_there(self, cached: CachedLayer) -> bool:
        with attributed("destination"):
            return self.output.holds(cached.blob) == cached.size

    def _learn(self, plan: LayerPlan, sealed: SealedLayer) -> None:
        cache = self.request.layer_cache
        if cache is None or sealed.diff_id is None or sealed.uncompressed_size is None:
            return
        if sealed.blob.media_type != plan.media_type:
            return  # stored otherwise than the recipe says, for this destination's own reasons
        if not (recipe := self._recipe(plan)):
            return
        cached = CachedLayer(
            sealed.blob.digest, sealed.blob.size, sealed.blob.media_type, sealed.diff_id, sealed.uncompressed_size
        )
        cache.learn(plan.layer.descriptor.digest, recipe, cached)

    def _recipe(self, plan: LayerPlan) -> str:
        """Empty where the result must not be cached: a filter that wants to see the layer itself."""
        fingerprints = tuple(each.filter.fingerprint for each in self.request.filters)
        if not plan.layer.is_tar or not all(fingerprints):
            return ""
        return recipe_of(fingerprints, plan.stored_as, codec_version(plan.stored_as), plan.layer.diff_id)
