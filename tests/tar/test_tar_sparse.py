"""Sparse files: holes are not in the archive, and everybody must agree where they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from occystrap_core.model.errors import InvalidTar, LimitExceeded
from occystrap_core.streams.tar import TarReader, expanded, holes, make_entry
from tests.tar.blocks import END, again, body_of, header, member, old_sparse, one, padded, pax, put, read, record

CONTENT = bytes(512) + b"a" * 512 + bytes(1000) + b"b" * 100
FRAGMENTS = [(512, 512), (2024, 100)]
STORED = b"a" * 512 + b"b" * 100


def old_gnu() -> bytes:
    return old_sparse(STORED, len(CONTENT), FRAGMENTS)


def pax_0_0() -> bytes:
    records = record(b"GNU.sparse.size", b"%d" % len(CONTENT)) + record(b"GNU.sparse.numblocks", b"2")
    for offset, length in FRAGMENTS:
        records += record(b"GNU.sparse.offset", b"%d" % offset) + record(b"GNU.sparse.numbytes", b"%d" % length)
    return pax(records) + member(b"sparse", STORED)


def pax_0_1() -> bytes:
    records = {
        b"GNU.sparse.size": b"%d" % len(CONTENT),
        b"GNU.sparse.numblocks": b"2",
        b"GNU.sparse.map": b"512,512,2024,100",
        b"GNU.sparse.name": b"sparse",
    }
    return pax(records) + member(b"GNUSparseFile.0/sparse", STORED)


def pax_1_0(text: bytes = b"2\n512\n512\n2024\n100\n", real_size: int = len(CONTENT)) -> bytes:
    records = {
        b"GNU.sparse.major": b"1",
        b"GNU.sparse.minor": b"0",
        b"GNU.sparse.name": b"sparse",
        b"GNU.sparse.realsize": b"%d" % real_size,
    }
    return pax(records) + member(b"GNUSparseFile.0/sparse", padded(text) + STORED)


ALL_FORMATS = pytest.mark.parametrize("make", [old_gnu, pax_0_0, pax_0_1, pax_1_0])


@ALL_FORMATS
def test_every_format_is_a_regular_file_of_its_full_size(make: Callable[[], bytes]) -> None:
    first, second = read(make() + member(b"next"))
    assert (first.name, first.kind, first.size, first.stored_size) == (b"sparse", b"0", len(CONTENT), len(STORED))
    assert second.name == b"next"


@ALL_FORMATS
def test_the_body_is_what_is_stored_and_expands_to_the_content(make: Callable[[], bytes]) -> None:
    assert body_of(next(iter(TarReader([make()])))) == STORED
    entry = next(iter(TarReader([make()])))
    assert b"".join(bytes(piece) for piece in expanded(entry)) == CONTENT


@ALL_FORMATS
def test_holes(make: Callable[[], bytes]) -> None:
    assert list(holes(one(make()))) == [(0, 512), (1024, 1000)]


@ALL_FORMATS
def test_the_map_travels_with_the_headers(make: Callable[[], bytes]) -> None:
    data = make() + member(b"next", b"abc") + END
    assert again(data) == data
    assert again(data, 100) == data


def test_a_plain_file_has_no_holes_and_is_its_own_expansion() -> None:
    entry = make_entry(b"plain", body=b"abc")
    assert list(holes(entry)) == []
    assert b"".join(bytes(piece) for piece in expanded(entry)) == b"abc"


def test_an_old_map_goes_on_in_further_blocks() -> None:
    fragments = [(offset * 1024, 8) for offset in range(60)]
    entry = next(iter(TarReader([old_sparse(b"x" * 480, 60 * 1024, fragments) + member(b"next")])))
    content = b"".join(bytes(piece) for piece in expanded(entry))
    assert content == (b"x" * 8 + bytes(1016)) * 60


def test_a_file_may_be_one_hole() -> None:
    entry = next(iter(TarReader([old_sparse(b"", 3 << 30, [])])))
    assert (entry.size, entry.stored_size) == (3 << 30, 0)
    assert list(holes(entry)) == [(0, 3 << 30)]


def test_fragments_without_length_are_no_data() -> None:
    entry = next(iter(TarReader([old_sparse(b"ab", 10, [(0, 0), (2, 2), (10, 0)])])))
    assert list(holes(entry)) == [(0, 2), (4, 6)]
    assert b"".join(bytes(piece) for piece in expanded(entry)) == b"\0\0ab" + bytes(6)


def test_expanding_stops_at_a_limit_before_it_begins() -> None:
    entry = next(iter(TarReader([old_sparse(b"", 60 << 30, [])])))
    with pytest.raises(LimitExceeded, match="unpacks to"):
        expanded(entry)
    with pytest.raises(LimitExceeded):
        expanded(entry, limit=1 << 30)


def test_an_unknown_version_is_an_ordinary_file() -> None:
    records = {b"GNU.sparse.major": b"2", b"GNU.sparse.minor": b"0", b"GNU.sparse.name": b"x"}
    entry = one(pax(records) + member(b"file", b"abc"))
    assert (entry.name, entry.size, entry.fragments) == (b"file", 3, None)


class TestRefused:
    @pytest.mark.parametrize(
        ("fragments", "real_size"),
        [
            ([(0, 700)], 700),
            ([(0, 500)], 700),
            ([(600, 512), (0, 100)], 5000),
            ([(0, 512), (500, 100)], 5000),
            ([(0, 612)], 600),
            ([(8 << 30, 612)], 5000),
        ],
    )
    def test_a_map_that_does_not_fit_the_file(self, fragments: list[tuple[int, int]], real_size: int) -> None:
        with pytest.raises(InvalidTar, match="sparse"):
            read(old_sparse(STORED, real_size, fragments))

    def test_old_sparse_files_in_other_headers(self) -> None:
        """star uses the same letter for another layout."""
        with pytest.raises(InvalidTar, match="GNU"):
            read(member(b"file", b"abc", b"S"))

    def test_an_old_map_without_end(self) -> None:
        first = put(old_gnu()[:512], 482, b"\1")
        with pytest.raises(InvalidTar, match="too long"):
            list(TarReader([first, *[(bytes(504) + b"\1" + bytes(7))] * 3000]))

    def test_a_new_map_without_end(self) -> None:
        records = {b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.realsize": b"9"}
        data = pax(records) + header(b"file", 8 << 20)
        for filling in (b"0\n" * 256, b"0" * 512, bytes(512)):
            with pytest.raises(InvalidTar):
                list(TarReader([data, b"600000\n".ljust(512, b"\n"), *[filling] * 3000]))
            with pytest.raises(InvalidTar):
                list(TarReader([data, *[filling] * 3000]))

    @pytest.mark.parametrize(
        "text",
        [b"", b"x\n", b"-1\n", b"2\n512\n512\n2024\n", b"2\n512\n512\n2024\n-100\n", b"1\n0\n612", b"1\n0x0\n612\n"],
    )
    def test_a_new_map_that_is_malformed(self, text: bytes) -> None:
        with pytest.raises(InvalidTar):
            read(pax_1_0(text))

    def test_a_new_map_larger_than_the_file_it_is_in(self) -> None:
        records = {b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.realsize": b"9"}
        with pytest.raises(InvalidTar, match="past its end"):
            read(pax(records) + member(b"file", b"1\n0\n0\n"))

    @pytest.mark.parametrize(
        "records",
        [
            {b"GNU.sparse.map": b"0,3"},
            {b"GNU.sparse.map": b"0,3", b"GNU.sparse.numblocks": b"2"},
            {b"GNU.sparse.map": b"0,x", b"GNU.sparse.numblocks": b"1"},
            {b"GNU.sparse.map": b"0,3", b"GNU.sparse.numblocks": b"-1"},
            {b"GNU.sparse.map": b"0,3", b"GNU.sparse.numblocks": b"1", b"GNU.sparse.size": b"x"},
            {b"GNU.sparse.map": b"0,3", b"GNU.sparse.numblocks": b"1", b"GNU.sparse.size": b"-3"},
            {b"GNU.sparse.numbytes": b"3", b"GNU.sparse.offset": b"0", b"GNU.sparse.numblocks": b"1"},
            {b"GNU.sparse.offset": b"0,3", b"GNU.sparse.numblocks": b"1"},
        ],
    )
    def test_records_that_contradict_each_other(self, records: dict[bytes, bytes]) -> None:
        with pytest.raises(InvalidTar):
            read(pax(records) + member(b"file", b"abc"))

    @pytest.mark.parametrize("flag", [b"1", b"2", b"5"])
    def test_a_map_of_what_is_no_file(self, flag: bytes) -> None:
        records = {
            b"GNU.sparse.map": b"",
            b"GNU.sparse.numblocks": b"0",
            b"GNU.sparse.major": b"0",
            b"GNU.sparse.minor": b"1",
        }
        with pytest.raises(InvalidTar, match="not a file"):
            read(pax(records) + header(b"name", flag=flag))
