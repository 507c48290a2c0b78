"""How this verifier says things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from occystrap_core.contracts import Finding, Severity, Where, WrittenImage

CHECK = "verify.fidelity"
_MOST = 20


def error(image: WrittenImage, message: str, layer: int | None = None, entry: str = "") -> Finding:
    return Finding(CHECK, Severity.ERROR, message, _where(image, layer, entry))


def warning(image: WrittenImage, message: str, layer: int | None = None) -> Finding:
    return Finding(CHECK, Severity.WARNING, message, _where(image, layer, ""))


def first_of(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first few, and how many more there are."""
    everything = iter(findings)
    last = None
    for last in islice(everything, _MOST):
        yield last
    more = sum(1 for _ in everything)
    if last is not None and more:
        yield Finding(
            CHECK, last.severity, f"and {more} more", Where(last.where.index, last.where.manifest, last.where.layer)
        )


def _where(image: WrittenImage, layer: int | None, entry: str) -> Where:
    return Where(manifest=str(image.manifest.digest), layer=layer, entry=entry)
