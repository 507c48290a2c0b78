"""The deep look: every layer is read back and compared with the source's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain

from occystrap_core.contracts import Chunk, DeclaredChanges, Entry, Finding, Input, WrittenImage
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import ContentError, LimitExceeded, NotFound, OccystrapError, attributed
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec import inflate, sniff
from occystrap_core.streams.relay import relay
from occystrap_core.streams.tar import TarReader
from occystrap_core.streams.verified import Measured, verified
from occystrap_filters.fidelity.findings import error, first_of, warning
from occystrap_filters.fidelity.held import as_held, held_layers
from occystrap_filters.fidelity.walk import Walk

_BAD_RESULT = (ContentError, LimitExceeded, NotFound)


def compare_layers(
    image: WrittenImage, source: Input | None, destination: Input, allowed: DeclaredChanges, read_back: set[Digest]
) -> Iterator[Finding]:
    """`source` None: what cannot be compared is at least read back. Blobs without findings are added to `read_back`."""
    held = held_layers(destination)
    for position, layer in enumerate(image.layers):
        try:
            blob = as_held(layer, held)
            after = _blob(destination, blob, "destination")
            is_right = True
            for finding in first_of(_compare(image, layer, source, after, allowed)):
                is_right = False
                yield finding
            if is_right:
                read_back.add(blob.digest)
        except OccystrapError as problem:
            if problem.side == "destination" and isinstance(problem, _BAD_RESULT):
                yield error(image, f"layer {position + 1} was read back and is not right: {problem.message}", position)
            else:
                yield warning(image, f"layer {position + 1} could not be compared: {problem}", position)


def _compare(
    image: WrittenImage, layer: SealedLayer, source: Input | None, after: Iterator[Chunk], allowed: DeclaredChanges
) -> Iterator[Finding]:
    if not layer.source.is_tar or layer.diff_id is None:
        _drain(after)
    elif layer.changed and source is not None:
        before = _blob(source, layer.source.descriptor, "source")
        yield from _compare_entries(image, layer, before, after, allowed)
    else:
        unpacked = Measured(_inflated(after, "destination"), layer.diff_id.algorithm)
        _drain(unpacked)
        yield from _expect(image, layer, unpacked.digest)


def _compare_entries(
    image: WrittenImage,
    layer: SealedLayer,
    before: Iterable[Chunk],
    after: Iterable[Chunk],
    allowed: DeclaredChanges,
) -> Iterator[Finding]:
    position = layer.source.position
    with closing(relay(_inflated(before, "source"))) as old, closing(relay(_inflated(after, "destination"))) as new:
        unpacked = Measured(new, layer.diff_id.algorithm if layer.diff_id else "sha256")
        walk = Walk(_entries(old, "source"), _entries(unpacked, "destination"), allowed)
        for each in walk.differences():
            path = each.path.decode("utf-8", "surrogateescape")
            yield error(image, f"{path!r} in layer {position + 1} {each.message}", position, path)
    yield from _expect(image, layer, unpacked.digest)
    yield from _expect_counts(image, layer, walk)


def _expect(image: WrittenImage, layer: SealedLayer, found: Digest) -> Iterator[Finding]:
    if found != layer.diff_id:
        position = layer.source.position
        yield error(image, f"layer {position + 1} unpacks to {found.short}, its diff_id is {layer.diff_id}", position)


def _expect_counts(image: WrittenImage, layer: SealedLayer, walk: Walk) -> Iterator[Finding]:
    """Entries that vanished must be those that a filter dropped. A layer out of a cache has no counts."""
    stats, position = layer.stats, layer.source.position
    counted = (walk.entries_before, walk.entries_after)
    if stats.entries_in and counted != (stats.entries_in, stats.entries_out):
        message = (
            f"layer {position + 1} has {counted[1]} of the source's {counted[0]} entries; "
            f"the filters saw {stats.entries_in} and let {stats.entries_out} through"
        )
        yield error(image, message, position)


def _blob(where: Input, descriptor: Descriptor, side: str) -> Iterator[Chunk]:
    with attributed(side):
        yield from verified(where.blob(descriptor), descriptor, "blob")


def _inflated(blob: Iterable[Chunk], side: str) -> Iterator[Chunk]:
    with attributed(side):
        chunks = iter(blob)
        head = bytes(next(chunks, b""))
        yield from inflate(chain((head,), chunks), sniff(head[:16]) or Compression.NONE)


def _entries(plain: Iterable[Chunk], side: str) -> Iterator[Entry]:
    with attributed(side):
        reader = TarReader(plain)
        yield from reader
        _drain(reader.trailer())


def _drain(chunks: Iterable[object]) -> None:
    for _ in chunks:
        pass
