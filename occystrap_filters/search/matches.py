"""What a search found, and how it is told."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from occystrap_core.contracts import Entry
from occystrap_core.contracts.entry import BLOCK_DEVICE, CHAR_DEVICE, DIRECTORY, FIFO, HARDLINK, REGULAR, SYMLINK
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OptionError

_KINDS = {
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
        kind = _KINDS.get(entry.kind, "unknown")
        target = entry.linkname.decode("utf-8", "surrogateescape") if kind in ("symlink", "hardlink") else ""
        return cls(path, kind, entry.size if kind == "file" else 0, target)

    def __str__(self) -> str:
        if self.kind == "file":
            return f"{self.path} (file, {self.size} bytes)"
        return f"{self.path} -> {self.target} ({self.kind})" if self.target else f"{self.path} ({self.kind})"


@dataclass(frozen=True, slots=True)
class LayerMatches:
    layer: Digest
    position: int
    matches: tuple[Match, ...]


def matcher(pattern: str, regex: bool) -> Callable[[str], object]:
    """A test of entry names."""
    if regex:
        try:
            return re.compile(pattern).search
        except re.error as error:
            raise OptionError(f"option 'pattern': {pattern!r} is not a regular expression: {error}") from None
    matches = re.compile(fnmatch.translate(pattern)).match
    return lambda name: matches(name) or matches(name.rpartition("/")[2])


def listing(found: Sequence[LayerMatches]) -> Iterator[str]:
    """The lines for a person."""
    if not found:
        yield "No matches found."
        return
    for layer in found:
        yield f"Layer: {layer.layer.hex}"
        for match in layer.matches:
            yield f"  {match}"
        yield ""
    total = sum(len(layer.matches) for layer in found)
    yield f"Found {total} match{'' if total == 1 else 'es'} in {len(found)} layer{'' if len(found) == 1 else 's'}."


def script_lines(found: Sequence[LayerMatches], image: str, tag: str) -> Iterator[str]:
    for layer in found:
        for match in layer.matches:
            yield f"{image}:{tag}:{layer.layer.hex}:{match.path}"


def as_json(found: Sequence[LayerMatches]) -> list[dict[str, Any]]:
    return [
        {
            "layer": str(layer.layer),
            "index": layer.position,
            "path": match.path,
            "kind": match.kind,
            "size": match.size,
            "target": match.target,
        }
        for layer in found
        for match in layer.matches
    ]
