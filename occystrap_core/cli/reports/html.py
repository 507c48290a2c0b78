"""One page that needs nothing else: the verdict, then each image with its faults and its layers as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from occystrap_core._version import VERSION
from occystrap_core.cli.reports.html_findings import asides, badges, faults, text
from occystrap_core.cli.reports.html_layers import layers
from occystrap_core.cli.reports.html_style import STYLE
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.engine.check import CheckedImage

_VERDICTS = {"bad": "is broken", "fair": "works, with doubts", "good": "is sound"}


def render(report: CheckReport) -> str:
    title = f"{report.name or report.source}: check"
    body = "\n".join([*_header(report), *_contents(report), *_images(report), *_elsewhere(report), *_footer(report)])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _header(report: CheckReport) -> Iterator[str]:
    verdict = "bad" if report.count(Severity.ERROR) else "fair" if report.count(Severity.WARNING) else "good"
    yield f'<header class="{verdict}"><p class="source">{text(report.source)}</p>'
    said = "could not be checked as a whole" if report.unchecked else _VERDICTS[verdict]
    yield f"<h1>This image {said}.</h1>"
    yield f'<p class="counts">{"".join(badges(report.findings, every=True))}</p>'
    if report.unchecked:
        yield "<p><strong>Not everything could be checked:</strong></p><ul>"
        yield from (f"<li>{text(what)}</li>" for what in report.unchecked)
        yield "</ul>"
    yield "</header>"


def _contents(report: CheckReport) -> Iterator[str]:
    """Where there are several images, which they are, and how each is."""
    images = report.outcome.images
    if len(images) < 2:
        return
    yield '<nav aria-label="Images"><ul>'
    for number, checked in enumerate(images, 1):
        marks = "".join(badges(_about(report, checked))) or '<span class="badge good">sound</span>'
        yield f'<li><a href="#image-{number}">{text(_title(checked))}</a> <span class="marks">{marks}</span></li>'
    yield "</ul></nav>"


def _images(report: CheckReport) -> Iterator[str]:
    for number, checked in enumerate(report.outcome.images, 1):
        here = _about(report, checked)
        whole = [finding for finding in here if finding.where.layer is None]
        yield f'<section id="image-{number}">'
        yield f"<h2>{text(_title(checked))}</h2>"
        yield f'<p class="digest">{text(checked.image.where.manifest)}</p>'
        yield from faults("About the image as a whole", whole)
        yield from layers(checked, here)
        yield from asides(whole)
        yield "</section>"


def _about(report: CheckReport, checked: CheckedImage) -> list[Finding]:
    return [finding for finding in report.findings if finding.where.manifest == checked.image.where.manifest]


def _title(checked: CheckedImage) -> str:
    if checked.image.attests:
        return f"Attestation of {checked.image.attests[:19]}"
    return str(checked.image.platform or ("Artifact" if checked.image.is_artifact else "Image"))


def _elsewhere(report: CheckReport) -> Iterator[str]:
    """Findings about what is no image: an index, a manifest that cannot be read."""
    images = {checked.image.where.manifest for checked in report.outcome.images}
    others: Sequence[Finding] = [each for each in report.findings if each.where.manifest not in images]
    if others:
        yield "<section><h2>The documents around</h2>"
        yield from faults("", others)
        yield from asides(others)
        yield "</section>"


def _footer(report: CheckReport) -> Iterator[str]:
    rules = f"{len(report.rules)} rule{'' if len(report.rules) == 1 else 's'}"
    how = "documents only" if report.fast else "every layer read"
    yield f"<footer>Judged by {rules}, {how}, by occystrap {VERSION}.</footer>"
