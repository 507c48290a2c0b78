"""How many layers are worked on at a time: as many as are asked for, if they fit into memory.

The number of workers is the limit, not a lock around the memory: nobody ever waits, with a
layer half done, for somebody who waits for him.
"""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts.input import Input
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.layer_plan import LayerPlan
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.media_types import Compression, layer_compression

# In MB, as measured: an inflater with its window, or a deflater with the blocks it works on.
_READING = {Compression.NONE: 0, Compression.GZIP: 1, Compression.ZSTD: 10}
_WRITING = {Compression.NONE: 0, Compression.GZIP: 5, Compression.ZSTD: 8}
_ROOM = 48
"""What a process of less than 100 MB can give to the layers that it has open."""


def layers_written_at_a_time(
    source: Input, settings: Settings, plans: Iterable[LayerPlan], filtered: bool, judged: bool = False
) -> int:
    """`judged` layers are inflated once more, as they are stored."""
    tars = [plan for plan in plans if plan.layer.is_tar]
    passing = (_passing(plan) if filtered or not plan.keeps_blob else 0 for plan in tars)
    beside = (max(_READING[plan.stored_as], _READING[plan.changed_as]) if judged else 0 for plan in tars)
    return _at_a_time(source, settings, map(sum, zip(passing, beside, strict=True)))


def layers_read_at_a_time(source: Input, settings: Settings, layers: Iterable[Descriptor | None]) -> int:
    stored = (layer_compression(layer.media_type) for layer in layers if layer)
    return _at_a_time(source, settings, (_READING[each or Compression.NONE] for each in stored))


def _passing(plan: LayerPlan) -> int:
    return _READING[plan.declared] + max(_WRITING[plan.stored_as], _WRITING[plan.changed_as])


def _at_a_time(source: Input, settings: Settings, needs: Iterable[int]) -> int:
    wanted = settings.parallel if source.traits.concurrent else 1
    largest = max(needs, default=0)
    return min(wanted, max(1, _ROOM // largest)) if largest else wanted
