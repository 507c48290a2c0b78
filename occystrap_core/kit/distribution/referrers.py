"""Asking a registry what refers to a manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from occystrap_core.contracts.referrers import Referrers
from occystrap_core.kit.distribution.http import Response, read_capped
from occystrap_core.kit.distribution.origin import Url
from occystrap_core.kit.distribution.session import Ask, Session
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, NotFound, OccystrapError, TransferError
from occystrap_core.model.media_types import INDEXES

MOST_PAGES = 8
_NO_API = frozenset({400, 404, 405, 406, 501})
"""How registries answer that were written before there was such a thing to ask for."""

_LONGEST_LINK = 8 << 10
_NEXT = re.compile(r"<([^<>]+)>\s*;(?:[^,]*;)?\s*rel=\"?next\"?", re.IGNORECASE)
_JSON = frozenset({"", "application/json", "application/octet-stream", "text/plain"})


class ReferrersQuery:
    """One attempt at each request: nothing depends on the answer.

    `tag_ask` asks for the manifest under a tag, which stands for the API where there is none.
    """

    def __init__(self, session: Session, repository: str, tag_ask: Ask, digest: Digest) -> None:
        self._session = session
        self._tag_ask = tag_ask
        self._digest = digest
        self._folder = f"/v2/{repository}/referrers/"
        self._found: dict[Digest, Descriptor] = {}

    def by_api(self) -> Referrers | None:
        """None where the registry has no such API."""
        url: Url | None = self._session.url(f"{self._folder}{self._digest}")
        for _ in range(MOST_PAGES):
            assert url is not None
            try:
                url, has_api = self._page(url)
            except OccystrapError as error:
                return Referrers(tuple(self._found.values()), str(error))
            if not has_api:
                return None
            if url is None:
                return Referrers(tuple(self._found.values()))
        return Referrers(tuple(self._found.values()), f"they fill more pages than the {MOST_PAGES} that were read")

    def by_tag(self) -> Referrers:
        try:
            with self._session.trying(self._tag_ask) as response:
                self._take(response)
        except NotFound:
            return Referrers(())
        return Referrers(tuple(self._found.values()))

    def _page(self, url: Url) -> tuple[Url | None, bool]:
        """Where the list goes on, and whether this was a list at all."""
        ask = Ask(
            "GET", url, f"what refers to {self._digest.short}", self._tag_ask.scopes, accept=_NO_API | frozenset({200})
        )
        with self._session.trying(ask) as response:
            if response.status_code != 200 or not _may_be_a_list(response):
                read_capped(response, strict_json.MAX_BYTES, "the answer")
                return None, False
            self._take(response)
            return self._next(url, response.headers), True

    def _take(self, response: Response) -> None:
        raw = read_capped(response, strict_json.MAX_BYTES, "the list of referrers")
        for descriptor in _descriptors(strict_json.loads_object(raw, "the list of referrers")):
            self._found.setdefault(descriptor.digest, descriptor)

    def _next(self, url: Url, headers: Mapping[str, str]) -> Url | None:
        """Only further pages of this very list, at this registry."""
        if not (found := _NEXT.search(headers.get("link", "")[:_LONGEST_LINK])):
            return None
        try:
            there = url.join(found[1])
        except TransferError:
            return None
        return there if there.origin == url.origin and there.target.startswith(self._folder) else None


def _may_be_a_list(response: Response) -> bool:
    """Some servers have a page of their own for every path that they do not know."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type in INDEXES or media_type in _JSON


def _descriptors(index: Mapping[str, Any]) -> list[Descriptor]:
    entries = index.get("manifests")
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise InvalidImage("the list of referrers is no list")
    return [Descriptor.from_json(entry, f"referrer {number}") for number, entry in enumerate(entries)]
