"""Rules about documents alone: the index learns what rules need, so that a fast check imports no others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from occystrap_core.contracts.needs import Needs
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.entry_points import Row

_ABOUT = "needs"


def specs_about_documents(
    catalog: Catalog, load: Callable[[Sequence[Row]], Iterable[tuple[Row, CheckSpec]]]
) -> tuple[CheckSpec, ...]:
    """Sorted by id; `load` imports what offers them."""
    index, found, learned = catalog.index, [], False
    told = {row: index.summary(row, _ABOUT) for row in catalog.rows("checks")}
    wanted = [row for row, needs in told.items() if needs in (None, Needs.DOCUMENTS)]
    for row, spec in load(wanted):
        if told[row] is None:
            source = getattr(sys.modules[row.module.partition(":")[0]], "__file__", "") or ""
            index.learn(row, str(spec.needs), source, _ABOUT)
            learned = True
        if spec.needs is Needs.DOCUMENTS:
            found.append(spec)
    if learned:
        index.save()
    return tuple(sorted(found, key=lambda spec: spec.name))
