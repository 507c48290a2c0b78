"""One page that needs nothing else: the layers as a picture, then every finding at its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from occystrap_core._version import VERSION
from occystrap_core.cli.rendering import format_size, safe, safe_bytes
from occystrap_core.cli.reports.html_style import STYLE
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.engine.check import CheckedImage
from occystrap_core.engine.layer_changes import Changes, LayerChanges, layer_changes

_WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "info"}
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_SORTS = (("added", "adds"), ("changed", "writes anew"), ("deleted", "deletes"))


def render(report: CheckReport) -> str:
    title = f"{report.name or report.source}: check"
    body = "\n".join([*_header(report), *_images(report), *_elsewhere(report), *_footer(report)])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _header(report: CheckReport) -> Iterator[str]:
    counts = {severity: report.count(severity) for severity in _ORDER}
    verdict = "bad" if counts[Severity.ERROR] else "fair" if counts[Severity.WARNING] else "good"
    said = {"bad": "This image is broken.", "fair": "This image works, with doubts.", "good": "This image is sound."}
    yield f'<header class="{verdict}"><p class="source">{_text(report.source)}</p>'
    yield f'<h1>{said[verdict]}</h1><p class="counts">'
    for severity, word in _WORDS.items():
        none = "" if counts[severity] else " none"
        yield f'<span class="badge {word}{none}"><b>{counts[severity]}</b> {word}</span>'
    yield "</p></header>"


def _images(report: CheckReport) -> Iterator[str]:
    for checked in report.outcome.images:
        here = [finding for finding in report.findings if finding.where.manifest == checked.image.where.manifest]
        yield "<section>"
        yield f"<h2>{_text(_image_title(checked))}</h2>"
        yield f'<p class="digest">{_text(checked.image.where.manifest)}</p>'
        if checked.view is not None and checked.facts:
            yield from _layers(layer_changes(checked.view), here)
        yield from _findings("About the image as a whole", [each for each in here if each.where.layer is None])
        yield "</section>"


def _image_title(checked: CheckedImage) -> str:
    if checked.image.attests:
        return f"Attestation of {checked.image.attests[:19]}"
    return str(checked.image.platform or ("Artifact" if checked.image.is_artifact else "Image"))


def _layers(layers: Sequence[LayerChanges], findings: Sequence[Finding]) -> Iterator[str]:
    largest = max((layer.facts.unpacked or layer.facts.size for layer in layers), default=0) or 1
    total, hidden = sum(layer.facts.unpacked for layer in layers), sum(layer.hidden for layer in layers)
    yield (
        f'<p class="totals">{len(layers)} layer{"" if len(layers) == 1 else "s"}, {format_size(total)} unpacked, '
        f"{format_size(hidden)} of it out of sight: deleted or written anew by a later layer.</p>"
    )
    yield '<ol class="layers">'
    for layer in layers:
        here = [finding for finding in findings if finding.where.layer == layer.facts.layer.position]
        yield from _layer(layer, here, largest)
    yield "</ol>"


def _layer(layer: LayerChanges, findings: Sequence[Finding], largest: int) -> Iterator[str]:
    facts = layer.facts
    size = facts.unpacked or facts.size
    width = max(0.5, 100 * size / largest)
    worst = next((_WORDS[severity] for severity in _ORDER if any(each.severity is severity for each in findings)), "")
    number = facts.layer.position + 1
    step = facts.layer.created_by or "no history line"
    yield f"<li><details{' open' if worst in ('error', 'warning') else ''}><summary>"
    yield f'<span class="number">{number}</span><span class="bar"><i style="width:{width:.1f}%"></i></span>'
    yield f'<span class="size">{format_size(size)}</span><code class="step">{_text(step)}</code>'
    if worst:
        yield f'<span class="badge {worst}">{len(findings)}</span>'
    yield "</summary>"
    yield f'<p class="facts">{_text(_facts(layer))}</p>'
    yield '<div class="changes">'
    for name, word in _SORTS:
        yield from _changes(word, getattr(layer, name))
    yield "</div>"
    yield from _findings("", findings)
    yield "</details></li>"


def _facts(layer: LayerChanges) -> str:
    facts = layer.facts
    stored = f"{format_size(facts.size)} stored as {facts.compression or 'it is'}"
    parts = [stored, f"{facts.entries} entries", str(facts.layer.descriptor.digest if facts.layer.descriptor else "")]
    if layer.hidden:
        parts.insert(2, f"takes {format_size(layer.hidden)} of lower layers out of sight")
    return " · ".join(part for part in parts if part)


def _changes(word: str, changes: Changes) -> Iterator[str]:
    if not changes.count:
        return
    yield f"<div><h4>{word} {changes.count:,} ({format_size(changes.size)})</h4><ul>"
    for seen in changes.largest:
        yield f"<li><code>{_text(safe_bytes(seen.path))}</code> <small>{format_size(seen.size)}</small></li>"
    if changes.count > len(changes.largest):
        yield f"<li><small>and {changes.count - len(changes.largest):,} more</small></li>"
    yield "</ul></div>"


def _findings(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield f"<h3>{_text(title)}</h3>" if title else ""
    yield '<ul class="findings">'
    for finding in sorted(findings, key=lambda each: _ORDER.index(each.severity)):
        word = _WORDS[finding.severity]
        entry = f"<code>{_text(finding.where.entry)}</code>: " if finding.where.entry else ""
        remedy = f'<p class="remedy">{_text(finding.remediation)}</p>' if finding.severity is not Severity.INFO else ""
        yield (
            f'<li><span class="badge {word}">{word}</span> <b>{_text(finding.check)}</b> '
            f"<p>{entry}{_text(finding.message)}</p>{remedy}</li>"
        )
    yield "</ul>"


def _elsewhere(report: CheckReport) -> Iterator[str]:
    """Findings about what is no image: an index, a manifest that cannot be read."""
    images = {checked.image.where.manifest for checked in report.outcome.images}
    others = [finding for finding in report.findings if finding.where.manifest not in images]
    if others:
        yield "<section>"
        yield from _findings("About the documents around", others)
        yield "</section>"


def _footer(report: CheckReport) -> Iterator[str]:
    rules = f"{len(report.rules)} rule{'' if len(report.rules) == 1 else 's'}"
    how = "documents only" if report.fast else "every layer read"
    yield f"<footer>Judged by {rules}, {how}, by occystrap {VERSION}.</footer>"


def _text(text: str) -> str:
    return escape(safe(str(text)))
