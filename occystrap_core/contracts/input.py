"""The input contract: where an image is read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.image import ImageName
from occystrap_core.model.platform import Platform
from occystrap_core.model.value import value

Chunk = bytes | memoryview
"""A piece of a stream. A memoryview is valid only until the next piece is asked for:
a consumer that keeps it must copy it."""


@value
class InputTraits:
    """`reopenable`: blob() may be called again for the same blob.
    `concurrent`: blob() may be called, and its chunks read, from several threads at once.
    `unpacked`: layers lie uncompressed only because the source's form wants it so; a
    destination that compresses should then compress them, instead of copying them as they are.
    `file`: the one file the image is read from, which a destination must not replace.
    `origin`: `(host, repository)` of a registry, so that the same registry can mount blobs.
    `platform`: the one platform that this source alone was asked for; the global choice else.
    `remote`: several blobs at a time come faster than one after the other.
    `by_diff_id`: the digest of an uncompressed layer is what the config says of it, and nobody else does.
    """

    reopenable: bool = True
    concurrent: bool = True
    unpacked: bool = False
    file: Path | None = None
    origin: tuple[str, str] | None = None
    platform: Platform | None = None
    remote: bool = False
    by_diff_id: bool = False


@value
class Listed:
    """`name` and `raw` bytes of the list that the root stands in, and its `entry` there as it is written."""

    name: str
    raw: bytes
    entry: Mapping[str, Any]


class Input(Protocol):
    """An opened source. Opening may read; it never writes.

    A plugin never checks digests or sizes: the engine wraps every stream it returns.
    An input that has something to tell the user (other images that were not chosen) may have
    one more method, `notes() -> tuple[str, ...]`: sentences, shown as warnings.
    One that can tell whether it has a blob without sending it may have `has_blob(descriptor) -> bool`
    and `blob_size(descriptor) -> int | None`, which `check --fast` asks: `has_blob` from several
    threads at once where the traits say `remote`.
    One whose images stand in a list of their own, as those of a layout in index.json, may have
    `listed_in() -> Listed | None`, which `check` judges, too.
    For what refers to an image see contracts.referrers, for blobs
    that come before the documents contracts.arrival.
    """

    @property
    def traits(self) -> InputTraits: ...

    def name(self) -> ImageName:
        """What the image is called at its source."""
        ...

    def root(self) -> Descriptor:
        """The index or manifest that was asked for. A source without manifests (a docker-save
        archive) makes one that describes its config and layers truthfully."""
        ...

    def document(self, descriptor: Descriptor) -> bytes:
        """The exact bytes of an index, a manifest or a config. Raises NotFound."""
        ...

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        """The bytes of a blob as they are stored. Raises NotFound at the first chunk at the latest."""
        ...

    def close(self) -> None: ...
