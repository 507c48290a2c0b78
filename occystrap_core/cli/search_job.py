"""One search, as the command runs it, and how it is told."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import click

from occystrap_core.cli.inspecting import Inspected, inspecting
from occystrap_core.cli.rendering import complain, safe, without_credentials, write_json_list
from occystrap_core.cli.session import Session
from occystrap_core.contracts.filter import FilterContext
from occystrap_core.contracts.progress import Progress, Silent
from occystrap_core.engine import matches
from occystrap_core.engine.hit import Hit
from occystrap_core.engine.search import Search, SearchRequest, as_layer_matches, search_all
from occystrap_core.model.errors import OptionError
from occystrap_core.model.image import Image
from occystrap_core.streams.heap import keep_freed_pages

FAILED = 3
VERSION = 1
"""The version of the JSON shape. Keys are added, never renamed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as it was asked for; no `pattern` means every name."""

    source: str
    pattern: str | None
    regex: bool
    content: str | None
    merged: bool
    script_friendly: bool

    def names(self) -> Callable[[str], object]:
        return matches.matcher("*", False) if self.pattern is None else matches.matcher(self.pattern, self.regex)

    def inside(self) -> re.Pattern[bytes] | None:
        if self.content is None:
            return None
        try:
            return re.compile(os.fsencode(self.content), re.MULTILINE)
        except re.error as error:
            raise OptionError(f"--content: {self.content!r} is not a regular expression: {error}") from None


def run_search(session: Session, asked: Asked) -> None:
    """Everything that was asked for is checked before the source is opened."""
    names, inside = asked.names(), asked.inside()
    keep_freed_pages()
    with inspecting(session, asked.source, tolerant=True) as inspected:
        for image in inspected.images:
            _warn_of_other_layers(session, image)
        endless = asked.regex or inside is not None
        request = SearchRequest(inspected.source, names, session.settings, _progress(session), inside, endless)
        if session.json:
            _write_json(session, asked, inspected, request)
        else:
            _tell(session, asked, inspected, request)
    _complain_of_the_broken(inspected)


def _complain_of_the_broken(inspected: Inspected) -> None:
    """After what the others had: the run has failed all the same."""
    broken = [each for each in inspected.wanted if not isinstance(each, Image)]
    for each in broken:
        complain("Error", f"the image for {each.descriptor.platform or 'no platform'}: {each.error}")
    if broken:
        raise click.exceptions.Exit(FAILED)


def _tell(session: Session, asked: Asked, inspected: Inspected, request: SearchRequest) -> None:
    several = len(inspected.wanted) > 1
    label = _label(session, inspected)
    for number, image in enumerate(inspected.images):
        if several and not asked.script_friendly:
            _write(f"{'' if number == 0 else chr(10)}Image: {image.descriptor.digest} ({image.platform})")
        for line in _merged(request, image, asked, label) if asked.merged else _all(request, image, asked, label):
            _write(safe(line))


def _merged(request: SearchRequest, image: Image, asked: Asked, label: tuple[str, str]) -> Iterator[str]:
    with closing(search_all(request, image)) as hits:
        layers = as_layer_matches(hit for hit in hits if hit.is_final)
        yield from matches.script_lines(layers, *label) if asked.script_friendly else matches.listing(layers)


def _all(request: SearchRequest, image: Image, asked: Asked, label: tuple[str, str]) -> Iterator[str]:
    with closing(Search(request, image, remembering=not asked.script_friendly)) as search:
        if asked.script_friendly:
            yield from matches.script_lines(search.layers(), *label)
        else:
            yield from matches.listing(search.layers(), lambda: _deleted(search))


def _deleted(search: Search) -> Iterator[str]:
    title = "Deleted by later layers:"
    for match, layer, culprit in search.deleted():
        if title:
            yield title
        title = ""
        yield f"  {match.path} (layer {layer}, deleted by layer {culprit})"
    if not title:
        yield ""


def _write_json(session: Session, asked: Asked, inspected: Inspected, request: SearchRequest) -> None:
    """Nothing is written before everything is found, so that a failure leaves no half of a document."""
    with ExitStack() as opened:
        found = [(image, opened.enter_context(closing(search_all(request, image)))) for image in inspected.images]
        session.progress.close()
        told = (_hit_json(image, hit) for image, hits in found for hit in hits if hit.is_final or not asked.merged)
        write_json_list(sys.stdout, _head(asked, inspected), "matches", told)


def _label(session: Session, inspected: Inspected) -> tuple[str, str]:
    return FilterContext(session.settings, inspected.name, inspected.source.traits.origin).label


def _head(asked: Asked, inspected: Inspected) -> dict[str, Any]:
    return {
        "version": VERSION,
        "source": without_credentials(asked.source),
        "image": inspected.name.repository,
        "tag": inspected.name.tag,
        "pattern": asked.pattern,
        "regex": asked.regex,
        "content": asked.content,
        "merged": asked.merged,
    }


def _hit_json(image: Image, hit: Hit) -> dict[str, Any]:
    return {
        "manifest": str(image.descriptor.digest),
        "platform": str(image.platform) if image.platform else None,
        **matches.match_json(hit.layer.descriptor.digest, hit.layer.position, hit.match),
        "offset": hit.content.offset if hit.content else None,
        "text": hit.content.text if hit.content else None,
        "deleted_by": hit.deleted_by,
        "replaced_by": hit.replaced_by,
    }


def _warn_of_other_layers(session: Session, image: Image) -> None:
    for layer in image.layers:
        if not layer.is_tar:
            session.warn(f"layer {layer.position + 1} is not searched: {layer.descriptor.media_type!r} is no tar layer")


def _progress(session: Session) -> Progress:
    """Matches on a terminal show that work goes on, and bars would come between them."""
    return Silent() if sys.stdout.isatty() and not session.json else session.progress


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
