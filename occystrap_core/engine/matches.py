"""What a search found, and how it is told: to people, to scripts, as JSON."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from occystrap_core.contracts.entry import BLOCK_DEVICE, CHAR_DEVICE, DIRECTORY, FIFO, HARDLINK, REGULAR, SYMLINK, Entry
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OptionError

KINDS = {
    REGULAR: "file",
    HARDLINK: "hardlink",
    SYMLINK: "symlink",
    CHAR_DEVICE: "character device",
    BLOCK_DEVICE: "block device",
    DIRECTORY: "directory",
    FIFO: "fifo",
}


@dataclass(frozen=True, slots=True)
class Match:
    """One entry, named as the archive names it; bytes that are not UTF-8 are surrogates."""

    path: str
    kind: str
    size: int
    target: str

    @classmethod
    def of(cls, entry: Entry, path: str) -> Match:
        kind = KINDS.get(entry.kind, "unknown")
        target = entry.linkname.decode("utf-8", "surrogateescape") if kind in ("symlink", "hardlink") else ""
        return cls(path, kind, entry.size if kind == "file" else 0, target)

    def __str__(self) -> str:
        if self.kind == "file":
            return f"{self.path} (file, {self.size} bytes)"
        return f"{self.path} -> {self.target} ({self.kind})" if self.target else f"{self.path} ({self.kind})"


@dataclass(frozen=True, slots=True)
class LayerMatches:
    """One layer's matches. They may come while the layer is read: take them once, before the next layer's."""

    layer: Digest
    position: int
    matches: Iterable[Match]


def matcher(pattern: str, regex: bool) -> Callable[[str], object]:
    """A test of entry names."""
    if regex:
        try:
            return re.compile(pattern).search
        except re.error as error:
            raise OptionError(f"option 'pattern': {pattern!r} is not a regular expression: {error}") from None
    matches = re.compile(fnmatch.translate(pattern)).match
    return lambda name: matches(name) or matches(name.rpartition("/")[2])


def matched_name(entry: Entry) -> str:
    """What patterns are held against: the name as the archive has it, without the slash of a directory."""
    return entry.name.rstrip(b"/").decode("utf-8", "surrogateescape")


def listing(found: Iterable[LayerMatches], at_the_end: Callable[[], Iterable[str]] = tuple) -> Iterator[str]:
    """The lines for a person, each as soon as its match is known; those `at_the_end` stand before the last."""
    total = layers = 0
    for layer in found:
        before = total
        for match in layer.matches:
            if total == before:
                layers += 1
                yield f"Layer: {layer.layer.hex}"
            total += 1
            yield f"  {match}"
        if total > before:
            yield ""
    yield from at_the_end()
    if not total:
        yield "No matches found."
        return
    yield f"Found {total} match{'' if total == 1 else 'es'} in {layers} layer{'' if layers == 1 else 's'}."


def script_lines(found: Iterable[LayerMatches], image: str, tag: str) -> Iterator[str]:
    for layer in found:
        for match in layer.matches:
            yield f"{image}:{tag}:{layer.layer.hex}:{match.path}"


def as_json(found: Iterable[LayerMatches]) -> list[dict[str, Any]]:
    return [match_json(layer.layer, layer.position, match) for layer in found for match in layer.matches]


def match_json(layer: Digest, position: int, match: Match) -> dict[str, Any]:
    return {
        "layer": str(layer),
        "index": position,
        "path": match.path,
        "kind": match.kind,
        "size": match.size,
        "target": match.target,
    }
