"""The index: every entry point of this Python, kept in one small file and never stale.

The file is believed only while everything it was made from has the stamps it had then.
What changed within the last moments is not kept at all: another change could still leave
the same stamp.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from occystrap_core.discovery.entry_points import Row, Scan, Stamp, scan

FORMAT = 1
SETTLED_NS = 2_000_000_000
"""Longer than the coarsest clock of a file system that stamps may come from."""


class Summary(NamedTuple):
    """A plugin's own one-line description, and the stamp of the module that said it."""

    text: str
    source: Stamp


class Index:
    def __init__(self, found: Scan, summaries: Mapping[str, Summary], file: str | None = None) -> None:
        self.rows = found.rows
        self._found = found
        self._summaries = dict(summaries)
        self._file = file

    def summary(self, row: Row, about: str = "") -> str | None:
        """What the plugin says about itself, or about one thing; None where it must be asked."""
        known = self._summaries.get(_key(row, about))
        return known.text if known and Stamp.of(known.source.path) == known.source else None

    def learn(self, row: Row, text: str, source: str, about: str = "") -> None:
        self._summaries[_key(row, about)] = Summary(text, Stamp.of(source))

    def save(self) -> None:
        """Keep all this for the next run, where that is possible and safe."""
        if self._file is None or not _settled(self._found.stamps):
            return
        told = {key: summary for key, summary in self._summaries.items() if _settled((summary.source,))}
        content = {"format": FORMAT, **_environment(), "scan": self._found, "summaries": told}
        with suppress(OSError):
            _replace(self._file, json.dumps(content, separators=(",", ":")))


def load_index(folder: str | None = None) -> Index:
    """The index of the running Python; `folder` is where it is kept."""
    folder = folder or cache_dir()
    # One file for each Python, called after the end of its path; what is in it says which one it is for.
    name = "".join(char if char.isalnum() else "-" for char in sys.prefix.lower()[-100:]).strip("-")
    file = os.path.join(folder, f"{name}.json") if folder else None
    kept = _read(file) if file else None
    if kept is not None:
        return kept
    fresh = Index(scan(sys.path), {}, file)
    fresh.save()
    return fresh


def cache_dir() -> str:
    """Where this user's caches are; empty for a user without a home."""
    own = os.environ.get("OCCYSTRAP_CACHE_DIR")
    shared = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = own or os.path.join(shared, "occystrap")
    return folder if os.path.isabs(folder) or own else ""


def _environment() -> dict[str, Any]:
    return {"prefix": sys.prefix, "path": [os.path.abspath(part) for part in sys.path]}


def _key(row: Row, about: str) -> str:
    return " ".join((*row, about) if about else row)


def _settled(stamps: tuple[Stamp, ...]) -> bool:
    limit = time.time_ns() - SETTLED_NS
    return all(max(stamp.modified, stamp.changed) < limit for stamp in stamps)


def _read(file: str) -> Index | None:
    """The kept index, if it is ours, whole and still true."""
    try:
        with open(file, encoding="utf-8") as opened:
            if not _ours(opened.fileno()):
                return None
            content = json.load(opened)
        if content["format"] != FORMAT or any(content[key] != value for key, value in _environment().items()):
            return None
        rows, stamps = content["scan"]
        found = Scan(tuple(Row(*row) for row in rows), tuple(Stamp(*stamp) for stamp in stamps))
        summaries = {key: Summary(text, Stamp(*source)) for key, (text, source) in content["summaries"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return Index(found, summaries, file) if all(Stamp.of(stamp.path) == stamp for stamp in found.stamps) else None


def _ours(descriptor: int) -> bool:
    """Whether nobody else could have written it: it decides what is imported."""
    found = os.fstat(descriptor)
    return not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)


def _replace(file: str, text: str) -> None:
    os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
    temporary = f"{file}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        os.replace(temporary, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
