"""The layers of an image as a picture: how large each is, where it comes from, and what it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from occystrap_core.cli.rendering import format_size, safe_bytes
from occystrap_core.cli.reports.html_findings import asides, badges, faults, text
from occystrap_core.contracts.check import LayerFacts, LayerUnderCheck
from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.engine.check import CheckedImage
from occystrap_core.engine.layer_changes import Changes, LayerChanges, layer_changes

_SORTS = (("added", "adds"), ("changed", "writes anew"), ("deleted", "deletes"))


@dataclass(frozen=True, slots=True)
class Row:
    """A layer, with as much as is known: less where layers were not read, or could not be."""

    layer: LayerUnderCheck
    facts: LayerFacts | None
    changes: LayerChanges | None
    findings: tuple[Finding, ...]

    @property
    def stored(self) -> int:
        known = self.layer.descriptor.size if self.layer.descriptor else 0
        return self.facts.size if self.facts else known

    @property
    def size(self) -> int:
        return (self.facts.unpacked if self.facts else 0) or self.stored

    @property
    def origin(self) -> str:
        """The history line; what it is, where there is none."""
        return self.layer.created_by or str(self.layer.reference.get("mediaType") or "no history line")

    @property
    def is_wrong(self) -> bool:
        return any(finding.severity is not Severity.INFO for finding in self.findings)


def layers(checked: CheckedImage, findings: Sequence[Finding]) -> Iterator[str]:
    rows = _rows(checked, findings)
    if not rows:
        return
    yield f'<p class="totals">{_totals(rows)}</p>'
    largest = max(row.size for row in rows) or 1
    yield '<ol class="layers">'
    for row in rows:
        yield from _row(row, largest)
    yield "</ol>"


def _rows(checked: CheckedImage, findings: Sequence[Finding]) -> list[Row]:
    facts = {each.layer.position: each for each in checked.facts}
    changes = {each.facts.layer.position: each for each in (layer_changes(checked.view) if checked.view else ())}
    return [
        Row(
            layer,
            facts.get(layer.position),
            changes.get(layer.position),
            tuple(each for each in findings if each.where.layer == layer.position),
        )
        for layer in checked.image.layers
    ]


def _totals(rows: Sequence[Row]) -> str:
    count = f"{len(rows)} layer{'' if len(rows) == 1 else 's'}"
    if not all(row.facts for row in rows):
        return f"{count}, {format_size(sum(row.stored for row in rows))} as stored."
    if any(row.facts and row.facts.damage for row in rows):
        return f"{count}, {format_size(sum(row.size for row in rows))} as far as they could be read."
    hidden = sum(row.changes.hidden for row in rows if row.changes)
    unpacked = f"{count}, {format_size(sum(row.size for row in rows))} unpacked"
    if not hidden:
        return f"{unpacked}."
    return f"{unpacked}, {format_size(hidden)} of it out of sight: deleted or written anew by a later layer."


def _row(row: Row, largest: int) -> Iterator[str]:
    width = max(0.5, 100 * row.size / largest)
    yield f'<li><details{" open" if row.is_wrong else ""}><summary class="layer">'
    yield f'<span class="number">{row.layer.position + 1}</span>'
    yield f'<span class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>'
    yield f'<span class="size">{format_size(row.size)}</span>'
    yield f'<code class="step">{text(row.origin)}</code>'
    yield f'<span class="marks">{"".join(badges(row.findings))}</span></summary>'
    yield f'<div class="inside"><p class="facts">{text(_facts(row))}</p>'
    yield from faults("", row.findings)
    if row.changes:
        yield '<div class="changes">'
        for name, word in _SORTS:
            yield from _changes(word, getattr(row.changes, name))
        yield "</div>"
    yield from asides(row.findings)
    yield "</div></details></li>"


def _facts(row: Row) -> str:
    parts = [f"{format_size(row.stored)} stored"]
    if row.facts:
        parts = [f"{format_size(row.stored)} stored as {row.facts.compression or 'it is'}", _entries(row.facts.entries)]
    if row.changes and row.changes.hidden:
        parts.append(f"takes {format_size(row.changes.hidden)} of lower layers out of sight")
    return " · ".join([*parts, str(row.layer.descriptor.digest if row.layer.descriptor else "no digest")])


def _entries(count: int) -> str:
    return f"{count:,} {'entry' if count == 1 else 'entries'}"


def _changes(word: str, changes: Changes) -> Iterator[str]:
    if not changes.count:
        return
    yield f"<div><h4>{word} {changes.count:,} ({format_size(changes.size)})</h4><ul>"
    for seen in changes.largest:
        yield f"<li><code>{text(safe_bytes(seen.path))}</code> <small>{format_size(seen.size)}</small></li>"
    if changes.count > len(changes.largest):
        yield f"<li><small>and {changes.count - len(changes.largest):,} more</small></li>"
    yield "</ul></div>"
