"""The filter contract: what happens to an image on its way.

All filters of a chain work in one pass over a layer. An entry goes through them in the
order of the command line; what the last one returns is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from occystrap_core.contracts.entry import Entry
from occystrap_core.contracts.settings import Settings
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import Image, ImageName
from occystrap_core.model.layer import Layer


@dataclass(frozen=True, slots=True)
class DeclaredChanges:
    """What a filter may do, for the verifier that compares source and result.

    `fields`: the entry fields it may rewrite, among name, linkname, mode, owner, mtime,
    xattrs, content, kind; and of the image config, created (with its history's) and config (all
    the rest). `may_drop` and `may_add`: whether entries may vanish or appear. A hard link whose
    target vanished may, without more words, become a copy of it or lead to such a copy.
    """

    fields: frozenset[str] = frozenset()
    may_drop: bool = False
    may_add: bool = False


@dataclass(frozen=True, slots=True)
class FilterContext:
    """What a filter is told when it is opened: the global options, what the image is called
    at its source, and, where that is a registry, its (host, repository)."""

    settings: Settings
    source_name: ImageName
    source_origin: tuple[str, str] | None = None

    @property
    def label(self) -> tuple[str, str]:
        """Image and tag as reports have always named them: a registry's host left out,
        "unknown" for what has no name."""
        image = self.source_origin[1] if self.source_origin else self.source_name.repository
        return image or "unknown", self.source_name.tag or "unknown"


@dataclass(frozen=True, slots=True)
class StageLayer:
    """A layer as it left one filter: what inspect reports. `size` is 0 for a layer not read."""

    layer: Layer
    diff_id: Digest | None
    size: int
    changed: bool

    @property
    def digest(self) -> Digest:
        """What reports call the layer: the digest of its blob, or the diff_id of one that a filter changed."""
        return self.diff_id if self.changed and self.diff_id else self.layer.descriptor.digest


@dataclass(frozen=True, slots=True)
class FilterReport:
    """What a filter has to tell the user: lines for the terminal, data for `-O json`."""

    lines: tuple[str, ...] = ()
    data: Any = None


class Transform(Protocol):
    """The work on one layer. One per pass, never shared between threads.

    A pass may be started again from the first entry with a fresh transform: what a transform
    learns counts only once `finish` was called.
    """

    def entry(self, entry: Entry) -> Entry | None:
        """The entry itself, another in its place, or None to drop it."""
        ...

    def finish(self) -> Iterable[Entry]:
        """Entries to append. Called once, after the last entry of a completed pass."""
        ...


class Filter(Protocol):
    """An opened filter, for one run over one source.

    `fingerprint` names what it does and with which options: equal fingerprints give equal
    bytes. Empty means the result must not be cached. `observes` is true for a filter that
    never changes anything: the layers it reads are still reused as they are.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def observes(self) -> bool: ...

    @property
    def changes(self) -> DeclaredChanges: ...

    def config(self, config: Mapping[str, Any], image: Image) -> Mapping[str, Any]:
        """The image config this filter wants; `config` itself to leave it alone."""
        ...

    def begin(self, layer: Layer, image: Image) -> Transform | None:
        """The work on this layer, or None to leave it unread on this filter's account.

        A filter with a fingerprint may be shown a layer that came before its image: `layer` and `image`
        then say nothing but the layer's size.
        """
        ...

    def finish(self, image: Image, layers: tuple[StageLayer, ...]) -> None:
        """One image is done: `layers` are those of its manifest, in order, as they left this filter."""
        ...

    def report(self) -> FilterReport:
        """Asked once, after the whole run succeeded."""
        ...
