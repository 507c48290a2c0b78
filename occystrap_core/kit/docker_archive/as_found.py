"""An image of a docker-save archive as it is, however broken: to be judged, not moved.

Such an archive has no manifest. The one made here says what the archive says: a config is known by
the hash in its name, where it has one; an uncompressed layer by the diff_id that belongs to it; what
is missing by its name. Where a member is something else, that is found out when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.saved import MANIFEST_FILE, SavedImage
from occystrap_core.kit.docker_archive.synthesis import docker_manifest, lacks
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import (
    ContentError,
    InvalidDigest,
    InvalidJson,
    LimitExceeded,
    NotFound,
    OccystrapError,
)
from occystrap_core.model.image import TITLE
from occystrap_core.model.media_types import DOCKER_CONFIG, DOCKER_LAYER, Compression, recompressed_layer
from occystrap_core.streams.codec import sniff
from occystrap_core.streams.verified import Measured

HASH_IN_NAME = re.compile(r"(?:sha256:|blobs/sha256/)?([0-9a-f]{64})(?:\.json)?")
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_HEAD = 16


class Files(Protocol):
    """Where the files of the image lie. Its methods raise NotFound for what is not there, ContentError for
    what is no file."""

    what: str

    def config(self, name: str) -> bytes: ...

    def size(self, name: str) -> int: ...

    def head(self, name: str, count: int) -> bytes: ...

    def chunks(self, name: str) -> Iterator[Chunk]: ...


class ContentAsFound:
    def __init__(self, files: Files, image: SavedImage) -> None:
        self._files = files
        self._missing: dict[Digest, OccystrapError] = {}
        self._names: dict[Digest, str] = {}
        self._config, self._raw = self._find_config(image.config)
        diff_ids = _diff_ids(self._raw)
        layers = [self._find_layer(name, _nth(diff_ids, place)) for place, name in enumerate(image.layers)]
        self._manifest = docker_manifest(self._config, layers)

    def root(self) -> Descriptor:
        return self._manifest.descriptor()

    def document(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest == self._manifest.digest:
            return self._manifest.raw
        self._require(descriptor)
        if self._raw is None or descriptor.digest != self._config.digest:
            raise lacks(self._files.what, descriptor)
        return self._raw

    def file_of(self, layer: Descriptor) -> str:
        self._require(layer)
        if layer.digest not in self._names:
            raise lacks(self._files.what, layer)
        return self._names[layer.digest]

    def _require(self, descriptor: Descriptor) -> None:
        if descriptor.digest in self._missing:
            raise self._missing[descriptor.digest]

    def _find_config(self, name: str) -> tuple[Descriptor, bytes | None]:
        named = HASH_IN_NAME.fullmatch(name)
        try:
            raw = self._files.config(name)
        except (ContentError, LimitExceeded, NotFound) as error:
            digest = Digest("sha256", named[1]) if named else Digest.of(name.encode())
            self._missing[digest] = _named(error, self._files.what, name, "as config")
            return Descriptor(DOCKER_CONFIG, digest, 0, extra=_titled(name)), None
        digest = Digest("sha256", named[1]) if named else Digest.of(raw)
        extra = {} if digest.matches(raw) and _is_plain(raw) else _titled(name)
        return Descriptor(DOCKER_CONFIG, digest, len(raw), extra=extra), raw

    def _find_layer(self, name: str, diff_id: Digest | None) -> Descriptor:
        try:
            compression = sniff(self._files.head(name, _HEAD)) or Compression.NONE
            size = self._files.size(name)
        except (ContentError, NotFound) as error:
            digest = diff_id or Digest.of(name.encode())
            if digest not in self._names:
                self._missing[digest] = _named(error, self._files.what, name, "as a layer")
            return Descriptor(DOCKER_LAYER, digest, 0, extra=_titled(name))
        digest = self._digest_of(name, diff_id if compression is Compression.NONE else None)
        self._names[digest] = name
        return Descriptor(recompressed_layer(DOCKER_LAYER, compression), digest, size)

    def _digest_of(self, name: str, diff_id: Digest | None) -> Digest:
        """A diff_id that stands for several files is the word of none."""
        if diff_id and self._names.get(diff_id, name) == name:
            return diff_id
        if not diff_id and (named := _BLOB.fullmatch(name)):
            return Digest("sha256", named[1])
        measured = Measured(self._files.chunks(name))
        for _ in measured:
            pass
        return measured.digest


def _titled(name: str) -> Mapping[str, Any]:
    """Findings about what is broken say which file they are about."""
    return {"annotations": {TITLE: name}}


def _is_plain(config: bytes) -> bool:
    try:
        strict_json.loads_object(config)
    except InvalidJson:
        return False
    return True


def _named(error: OccystrapError, what: str, name: str, part: str) -> OccystrapError:
    """What is not there is told by the name that it should have."""
    if isinstance(error, NotFound):
        return NotFound(f"{what} has no {name!r}, which {MANIFEST_FILE} names {part}")
    return error


def _diff_ids(config: bytes | None) -> Sequence[object]:
    try:
        found = json.loads((config or b"").decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return ()
    rootfs: Any = found.get("rootfs") if isinstance(found, Mapping) else None
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, Mapping) else None
    return diff_ids if isinstance(diff_ids, list) else ()


def _nth(diff_ids: Sequence[object], place: int) -> Digest | None:
    try:
        return Digest.parse(diff_ids[place])
    except (IndexError, InvalidDigest):
        return None
