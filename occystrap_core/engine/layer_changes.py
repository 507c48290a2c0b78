"""What each layer does to those below it: what it adds, writes anew and deletes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest

from occystrap_core.contracts.check import LayerFacts, Seen
from occystrap_core.contracts.entry import REGULAR
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.merged_view import MergedView

_REGULAR = REGULAR[0]


@dataclass(frozen=True, slots=True)
class Changes:
    """Entries of one sort. `largest` are those with the most bytes, largest first."""

    count: int
    size: int
    largest: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class LayerChanges:
    """`changed` are this layer's entries of paths that were there before; `deleted` are entries of
    lower layers. `hidden` counts the bytes of lower layers' files that both take out of sight."""

    facts: LayerFacts
    added: Changes
    changed: Changes
    deleted: Changes
    hidden: int


def layer_changes(view: MergedView, largest: int = 8) -> tuple[LayerChanges, ...]:
    """One for each layer, in order; `largest` is how many examples each sort gets."""
    layers = range(len(view.facts))
    rewritten: dict[int, set[int]] = defaultdict(set)
    deleted: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, number, culprit in view.hidden():
        anew = view.number(culprit, view.listing(place).path(number))
        if anew is None:
            deleted[culprit].append((place, number))
        else:
            rewritten[culprit].add(anew)
    hidden = view.hidden_bytes()
    return tuple(
        LayerChanges(
            facts=view.facts[layer],
            added=_own(view.listing(layer), largest, rewritten[layer], inside=False),
            changed=_own(view.listing(layer), largest, rewritten[layer], inside=True),
            deleted=_chosen([(view.listing(place), number) for place, number in deleted[layer]], largest),
            hidden=hidden[layer],
        )
        for layer in layers
    )


def _own(listing: LayerRecords, largest: int, rewritten: set[int], *, inside: bool) -> Changes:
    numbers: Iterable[int] = rewritten if inside else (n for n in range(len(listing)) if n not in rewritten)
    return _chosen([(listing, number) for number in numbers], largest)


def _chosen(entries: Sequence[tuple[LayerRecords, int]], largest: int) -> Changes:
    sizes = [listing.size(number) if listing.kinds[number] == _REGULAR else 0 for listing, number in entries]
    best = nlargest(largest, range(len(entries)), key=lambda index: (sizes[index], -index))
    shown = tuple(entries[index][0].seen(entries[index][1]) for index in best)
    return Changes(len(entries), sum(sizes), shown)
