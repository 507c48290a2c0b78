"""What engines can do, and since when, from compat.json; and what follows for the engines a user named.

By the name of a feature, the file says

    title            the feature in a sentence: "… needs docker 23.0"
    verb             what an engine without it cannot do: "read" where this is left out
    engines          one answer each, with
      name             the engine, as --targets names it (occystrap_core/model/targets.py)
      since | never    the first version that can; or that none can
      until            the first version that can no longer
      limit            for features that are a number
      source           where this is known from
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from occystrap_core.model.targets import Target, version_text
from occystrap_core.model.value import value

Version = tuple[int, ...]
_LONGEST = 4


@value
class EngineFact:
    """What one engine does with a feature, as the file says it."""

    name: str
    source: str
    since: Version | None = None
    until: Version | None = None
    never: bool = False
    limit: int | None = None


@value
class Feature:
    name: str
    title: str
    engines: tuple[EngineFact, ...]
    verb: str = "read"

    def refusals(self, targets: Iterable[Target]) -> Iterator[tuple[str, str]]:
        """Each of the targets that does not have this feature in all its versions, with a sentence why."""
        facts = {fact.name: fact for fact in self.engines}
        for engine, oldest in targets:
            fact = facts.get(engine)
            reason = self._refusal(fact, oldest) if fact else ""
            if reason:
                yield engine, reason

    def in_words(self) -> str:
        """Every engine's answer, for users who named no targets."""
        since = ", ".join(f"{fact.name} {_text(fact, fact.since)}" for fact in self.engines if fact.since)
        until = ", ".join(f"{fact.name} before {_text(fact, fact.until)}" for fact in self.engines if fact.until)
        never = ", ".join(fact.name for fact in self.engines if fact.never)
        takes = " and ".join(part for part in (f"{since} or later" if since else "", until) if part)
        return f"{takes}; no version of {never} can {self.verb} it" if never else takes

    def _refusal(self, fact: EngineFact, oldest: Version) -> str:
        if fact.never:
            return f"no version of {fact.name} can {self.verb} this"
        if fact.since and _padded(oldest) < _padded(fact.since):
            first = _text(fact, fact.since)
            return f"{fact.name} {_text(fact, oldest)} cannot {self.verb} this, {first} is the first that can"
        if fact.until:
            return f"{fact.name} {_text(fact, fact.until)} and later cannot {self.verb} this"
        return ""


def feature(name: str) -> Feature:
    return features()[name]


@cache
def features() -> Mapping[str, Feature]:
    """Read once a run, and only when a rule asks."""
    found = json.loads(Path(__file__).with_name("compat.json").read_text("utf-8"))
    return {name: _feature(name, each) for name, each in found.items()}


def _feature(name: str, found: Mapping[str, Any]) -> Feature:
    return Feature(name, found["title"], tuple(map(_fact, found["engines"])), found.get("verb", "read"))


def _fact(found: Mapping[str, object]) -> EngineFact:
    limit = found.get("limit")
    return EngineFact(
        name=str(found["name"]),
        source=str(found["source"]),
        since=_version(found.get("since")),
        until=_version(found.get("until")),
        never=found.get("never") is True,
        limit=limit if isinstance(limit, int) else None,
    )


def _version(text: object) -> Version | None:
    return tuple(int(part) for part in str(text).split(".")) if text is not None else None


def _text(fact: EngineFact, version: Version | None) -> str:
    return version_text(version or (), fact.name)


def _padded(version: Version) -> Version:
    """23 is 23.0."""
    return version + (0,) * (_LONGEST - len(version))
