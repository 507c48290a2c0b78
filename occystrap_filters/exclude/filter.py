"""Dropping what the patterns name, without leaving a hard link behind that leads nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from occystrap_core.contracts import DeclaredChanges, Entry, FilterContext, FilterReport, StageLayer, Transform
from occystrap_core.contracts.entry import DIRECTORY, HARDLINK
from occystrap_core.model.errors import ContentError
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.streams.tar import GLOBAL
from occystrap_filters.exclude.plugin import ExcludeOptions
from occystrap_filters.exclude.put_aside import PutAside
from occystrap_filters.exclude.rules import Rules

_MOST_HOPS = 40


def open_filter(options: ExcludeOptions, context: FilterContext) -> Exclude:
    return Exclude(options.pattern, Rules(options.pattern), context.settings.temp_dir)


@dataclass(frozen=True, slots=True)
class Exclude:
    patterns: tuple[str, ...]
    rules: Rules
    temp_dir: Path | None
    observes: ClassVar[bool] = False

    @property
    def fingerprint(self) -> str:
        return f"exclude/1 pattern={self.patterns!r}"

    @property
    def changes(self) -> DeclaredChanges:
        return DeclaredChanges(may_drop=True)

    def config(self, config: Mapping[str, Any], image: Image) -> Mapping[str, Any]:
        return config

    def begin(self, layer: Layer, image: Image) -> Transform:
        return _Excluding(self.rules, self.temp_dir)

    def finish(self, image: Image, layers: tuple[StageLayer, ...]) -> None:
        pass

    def report(self) -> FilterReport:
        return FilterReport()


class _Excluding:
    __slots__ = ("_aside", "_exclude")

    def __init__(self, rules: Rules, temp_dir: Path | None) -> None:
        self._exclude = rules.exclude
        self._aside = PutAside(temp_dir)

    def entry(self, entry: Entry) -> Entry | None:
        path = entry.path
        if self._exclude(path) and entry.kind != GLOBAL:
            if entry.kind != DIRECTORY:
                self._aside.put(path, entry)
            return None
        return self._kept_link(entry) if entry.kind == HARDLINK else entry

    def finish(self) -> Iterable[Entry]:
        self._aside.close()
        return ()

    def _kept_link(self, link: Entry) -> Entry:
        """The link as it is; where its target is gone, a copy of the target, or a link to the copy made before."""
        target = _target_of(link)
        if not self._exclude(target):
            return link
        found = self._excluded_entry(link, target)
        if found.kind == HARDLINK:
            return link.replaced(linkname=found.linkname)
        self._aside.put(found.path, link.replaced(name=found.name, linkname=link.name))
        return found.replaced(name=link.name)

    def _excluded_entry(self, link: Entry, target: bytes) -> Entry:
        """What the link leads to: an excluded entry, or a link that leads to one that is not."""
        for _ in range(_MOST_HOPS):
            found = self._aside.get(target)
            if found is None:
                raise _dangling(link)
            if found.kind != HARDLINK:
                return found
            target = _target_of(found)
            if not self._exclude(target):
                return found
        raise ContentError(f"{_text(link.name)!r} is a hard link over more than {_MOST_HOPS} others that are excluded")


def _target_of(link: Entry) -> bytes:
    """In the form of `Entry.path`."""
    return b"/".join(part for part in link.linkname.split(b"/") if part not in (b"", b"."))


def _dangling(link: Entry) -> ContentError:
    return ContentError(
        f"{_text(link.name)!r} is a hard link to {_text(link.linkname)!r}, which is excluded and not in the same layer",
        hint="exclude the link too, or keep its target",
    )


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
