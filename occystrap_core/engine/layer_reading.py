"""The entries of one layer, for those who only look: checked on the way, nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain as joined

from occystrap_core.contracts.entry import Entry
from occystrap_core.contracts.input import Chunk, Input
from occystrap_core.engine.layer_records import WHITEOUT, LayerRecords
from occystrap_core.model.errors import CorruptStream, InvalidTar, LimitExceeded, attributed
from occystrap_core.model.layer import Layer
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec import inflate, sniff
from occystrap_core.streams.relay import relay
from occystrap_core.streams.tar import GLOBAL, TarReader
from occystrap_core.streams.verified import verified

MAX_ENTRIES = 5_000_000

Tap = Callable[[Iterable[Chunk]], Iterator[Chunk]]


def remember(records: LayerRecords, entry: Entry) -> int | None:
    """Note an entry; the number it is known by afterwards, None for what is no file of the image."""
    path = entry.path
    folder, _, name = path.rpartition(b"/")
    if name.startswith(WHITEOUT):
        records.add_whiteout(folder, name)
        return None
    if entry.kind == GLOBAL:
        return None
    records.add(entry, path, folder)
    return len(records) - 1


class LayerReading:
    """Iterated once; who does not read on closes the iterator. The blob's digest and size are
    held to its descriptor when the last entry has come, so that what came before is sure only then.

    Afterwards `compression` says what the blob really was, `size` and `entries` what it unpacks to.
    `give_up` is called when the reading ends early, to end what the source may be waiting for.
    """

    def __init__(self, source: Input, layer: Layer, tap: Tap, give_up: Callable[[], None] | None = None) -> None:
        self.compression = Compression.NONE
        self.size = 0
        self.entries = 0
        self._source = source
        self._layer = layer
        self._tap = tap
        self._give_up = give_up

    def __iter__(self) -> Generator[Entry, None, None]:
        try:
            with attributed("source"), closing(relay(self._inflated(), give_up=self._give_up)) as plain:
                yield from self._read(plain)
        except (CorruptStream, InvalidTar, LimitExceeded) as error:
            error.message = f"layer {self._layer.position + 1}: {error.message}"
            raise

    def _read(self, plain: Iterable[Chunk]) -> Iterator[Entry]:
        stream = self._counted(plain)
        reader = TarReader(stream)
        for self.entries, entry in enumerate(reader, 1):
            if self.entries > MAX_ENTRIES:
                raise LimitExceeded(f"it has more than {MAX_ENTRIES} entries")
            yield entry
        for _ in reader.trailer():
            pass
        for _ in stream:
            pass

    def _counted(self, plain: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in plain:
            self.size += len(chunk)
            yield chunk

    def _inflated(self) -> Iterator[Chunk]:
        """By what the bytes are, whatever the media type says."""
        descriptor = self._layer.descriptor
        with closing(verified(self._tap(self._source.blob(descriptor)), descriptor, "layer")) as blob:
            head = bytes(next(blob, b""))
            self.compression = sniff(head[:16]) or Compression.NONE
            yield from inflate(joined((head,), blob), self.compression)
