"""The layer cache: what became of a layer under a chain of filters, remembered between runs.

An entry is only a promise about bytes. Before it is used the destination is asked whether it
has the blob, so a stale cache costs a question and never correctness.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from occystrap_core.model import strict_json
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import ContentError, attributed
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.atomic import write_atomically

FORMAT = 2
_MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CachedLayer:
    """The blob that a source blob became, and what it unpacks to."""

    blob: Digest
    size: int
    media_type: str
    diff_id: Digest
    uncompressed_size: int


class LayerCache:
    """A JSON file shared by runs and processes: read once, merged back under a lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known = _read(path)
        self._learnt: dict[str, dict[str, Any]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was known when the run began."""
        return not self._known

    def look_up(self, source: Digest, recipe: str) -> CachedLayer | None:
        entry = self._known.get(_key(source, recipe))
        return _parsed(entry) if entry else None

    def learn(self, source: Digest, recipe: str, cached: CachedLayer) -> None:
        entry = {
            "compressed_digest": str(cached.blob),
            "compressed_size": cached.size,
            "media_type": cached.media_type,
            "filters_hash": recipe,
            "timestamp": datetime.now(UTC).isoformat(),
            "diff_id": str(cached.diff_id),
            "uncompressed_size": cached.uncompressed_size,
        }
        with self._lock:
            self._learnt[_key(source, recipe)] = entry

    def save(self) -> None:
        """Add what this run learnt to what the file says by now."""
        if not self._learnt:
            return
        with attributed("layer cache"), _locked(self.path):
            merged = {**_read(self.path), **self._learnt}
            text = json.dumps({"version": FORMAT, "layers": merged}, indent=2, sort_keys=True)
            write_atomically(self.path, text.encode())
        self._known.update(self._learnt)


def recipe_of(fingerprints: tuple[str, ...], stored_as: Compression, codec: str, diff_id: Digest | None) -> str:
    """A short name for everything that decides what a layer becomes.

    `diff_id` is what the image's config says of it: another config's word is still to be checked.
    """
    known = {"filters": fingerprints, "compression": stored_as, "codec": codec, "diff_id": str(diff_id)}
    return hashlib.sha256(strict_json.dumps(known)).hexdigest()[:16]


def _key(source: Digest, recipe: str) -> str:
    return f"{source.hex}/{recipe}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.with_name(path.name + ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Whatever of the file can be trusted; an older format or a damaged file is an empty cache."""
    try:
        found = strict_json.loads_object(path.read_bytes(), str(path), _MAX_BYTES)
    except (FileNotFoundError, ContentError):
        return {}
    layers = found.get("layers")
    if found.get("version") != FORMAT or not isinstance(layers, Mapping):
        return {}
    return {key: entry for key, entry in layers.items() if isinstance(entry, dict) and _parsed(entry)}


def _parsed(entry: Mapping[str, Any]) -> CachedLayer | None:
    try:
        size, uncompressed = entry["compressed_size"], entry["uncompressed_size"]
        if not isinstance(size, int) or not isinstance(uncompressed, int):
            return None
        blob, diff_id = Digest.parse(entry["compressed_digest"]), Digest.parse(entry["diff_id"])
        return CachedLayer(blob, size, str(entry["media_type"]), diff_id, uncompressed)
    except (KeyError, ContentError):
        return None
