"""Is the result what the source was, apart from what the filters declare?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing

from occystrap_core.contracts import Depth, Finding, Input, Written, WrittenImage
from occystrap_core.model.errors import ContentError, NotFound, OccystrapError, TransferError, attributed
from occystrap_filters.fidelity.allowance import allowance
from occystrap_filters.fidelity.bookkeeping import check_bookkeeping
from occystrap_filters.fidelity.comparison import compare_layers
from occystrap_filters.fidelity.findings import error, warning


class FidelityVerifier:
    """QUICK compares the documents and counts of the run; FULL reads every layer of both sides again."""

    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        for image in written.images:
            yield from check_bookkeeping(image, allowance(image, written.filters))
        # What no source reads is compared by the destination's own verifier.
        if depth is Depth.FULL and written.images and written.receipt.evidence is None:
            yield from _read_back(written)


def _read_back(written: Written) -> Iterator[Finding]:
    first = written.images[0]
    with ExitStack() as opened:
        try:
            destination = _open(written.reopen_destination, "destination", opened)
        except (ContentError, NotFound) as problem:
            yield error(first, f"the result could not be opened: {problem.message}")
            return
        except OccystrapError as problem:
            yield warning(first, f"nothing was read back: {problem}")
            return
        source, reason = _reopened_source(written, opened)
        if source is None and _any_changed(written.images):
            yield warning(first, f"changed layers were read back but not compared: {reason}")
        for image in written.images:
            allowed = allowance(image, written.filters)
            yield from compare_layers(image, source, destination, allowed, written.read_back)


def _reopened_source(written: Written, opened: ExitStack) -> tuple[Input | None, str]:
    try:
        return _open(written.reopen_source, "source", opened), ""
    except OccystrapError as problem:
        return None, str(problem)


def _open(reopen: Callable[[], Input] | None, side: str, opened: ExitStack) -> Input:
    with attributed(side):
        if reopen is None:
            raise TransferError("it cannot be read a second time")
        found = opened.enter_context(closing(reopen()))
        # Some inputs find their blobs by way of their documents only.
        found.root()
        return found


def _any_changed(images: Iterable[WrittenImage]) -> bool:
    return any(layer.changed for image in images for layer in image.layers)
