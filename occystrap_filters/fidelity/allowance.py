"""What all filters of a run together may change."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import DeclaredChanges, WrittenImage

NOTHING = DeclaredChanges()


def allowance(image: WrittenImage, filters: Iterable[DeclaredChanges]) -> DeclaredChanges:
    """Filters leave artifacts and attestations alone."""
    if image.source.is_artifact or image.source.attests:
        return NOTHING
    declared = tuple(filters)
    return DeclaredChanges(
        fields=frozenset().union(*(each.fields for each in declared)),
        may_drop=any(each.may_drop for each in declared),
        may_add=any(each.may_add for each in declared),
    )
