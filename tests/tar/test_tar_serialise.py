"""Entries back to bytes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator

import pytest

from occystrap_core.contracts.entry import Entry
from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import InvalidTar
from occystrap_core.streams.tar import END_OF_ARCHIVE, TarReader, make_entry, serialise
from tests.tar.blocks import END, again, as_tarfile_reads, cut, header, member, pax, read, written


def test_padding_that_is_not_zero_comes_out_as_it_was() -> None:
    data = header(size=3) + b"abc" + b"\xaa" * 509 + pax(b"")[:512] + member(b"b") + END
    assert again(data) == data
    assert again(data, 7) == data


def test_dropped_entries_take_their_extended_headers_along() -> None:
    reader = TarReader([member(b"a", b"x") + pax({b"path": b"gone"}) + member(b"b", b"y") + member(b"c", b"z") + END])
    kept = b"".join(serialise((entry for entry in reader if entry.name != b"gone"), reader.trailer()))
    assert kept == member(b"a", b"x") + member(b"c", b"z") + END


def test_small_entries_come_in_large_chunks() -> None:
    data = b"".join(member(b"%d" % number, b"x" * 900) for number in range(1000)) + END
    reader = TarReader(cut(data, 4096))
    sizes = [len(chunk) for chunk in serialise(reader, reader.trailer())]
    assert sum(sizes) == len(data)
    assert all(256 * 1024 <= size < 300 * 1024 for size in sizes[:-1])


def test_the_pieces_of_a_large_body_are_not_copied() -> None:
    pieces = [bytes([number]) * (256 << 10) for number in range(1, 9)]
    reader = TarReader([header(size=8 * (256 << 10)), *pieces, END])
    out = list(serialise(reader, reader.trailer()))
    assert [chunk for chunk in out if any(chunk is piece for piece in pieces)] == pieces


def test_every_chunk_is_bytes() -> None:
    data = member(b"a", b"x" * 300_000) + member(b"b", b"y" * 10) + END
    for size in (100, 70_000, 1 << 20):
        reader = TarReader(memoryview(piece) for piece in cut(data, size))
        assert {type(chunk) for chunk in serialise(reader, reader.trailer())} == {bytes}


def test_a_body_that_somebody_read_cannot_be_written_any_more() -> None:
    def reading(entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            assert list(entry.body)
            yield entry

    reader = TarReader([member(b"a", b"abc") + END])
    with pytest.raises(RuntimeError, match="once"):
        list(serialise(reading(reader), reader.trailer()))


def test_nor_can_an_entry_of_the_past() -> None:
    with pytest.raises(RuntimeError, match="before the next"):
        written(read(member(b"a", b"abc") + member(b"b", b"abc")))


def test_an_entry_after_one_whose_padding_the_end_cut_off_stands_on_a_block() -> None:
    reader = TarReader([member(b"a", b"x" * 700)[: 512 + 704]])

    def with_one_more() -> Iterator[Entry]:
        yield from reader
        yield make_entry(b"b", body=b"y")

    data = b"".join(serialise(with_one_more(), [END]))
    assert data == member(b"a", b"x" * 700) + written([make_entry(b"b", body=b"y")])


def test_so_does_one_after_a_global_header() -> None:
    reader = TarReader([pax({b"comment": b"x"}, flag=b"g")[:600]])

    def with_one_more() -> Iterator[Entry]:
        yield from reader
        yield make_entry(b"b", body=b"y")

    data = b"".join(serialise(with_one_more(), [END]))
    assert data == pax({b"comment": b"x"}, flag=b"g") + written([make_entry(b"b", body=b"y")])


class Foreign:
    """An entry of somebody else's making."""

    def __init__(self, body: list[Chunk]) -> None:
        self.inner = make_entry(b"foreign", body=(), size=5)
        self.body = body

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_entries_of_other_classes_are_written_too() -> None:
    entry: Entry = Foreign([b"ab", memoryview(b"cde")])  # type: ignore[assignment]  # by delegation
    (found,) = as_tarfile_reads(b"".join(serialise([entry], [END_OF_ARCHIVE])))
    assert (found.name, found.size) == ("foreign", 5)


def test_and_held_to_their_size() -> None:
    entry: Entry = Foreign([b"ab"])  # type: ignore[assignment]  # by delegation
    with pytest.raises(InvalidTar, match="shorter"):
        list(serialise([entry], [END_OF_ARCHIVE]))


def test_tarfile_reads_what_was_made() -> None:
    data = written([make_entry(b"dir/", b"5", mode=0o755), make_entry(b"dir/file", body=b"content")])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["dir", "dir/file"]
        extracted = archive.extractfile("dir/file")
        assert extracted is not None
        assert extracted.read() == b"content"
