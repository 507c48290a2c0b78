"""What holds for every archive: generated, cut anywhere, or damaged."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from occystrap_core.model.errors import OccystrapError
from occystrap_core.streams.tar import END_OF_ARCHIVE, TarReader, expanded, make_entry, serialise
from occystrap_core.streams.tar.entry import BODILESS
from tests.tar.blocks import (
    END,
    as_tarfile_reads,
    gnu_long,
    header,
    member,
    old_sparse,
    pax,
    record,
    with_checksum,
    written,
)

PARTS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
NAMES = st.lists(PARTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=6).map("/".join)
FORMATS = st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
CUTS = st.lists(st.integers(1, 3000), min_size=1, max_size=8)


@dataclass(frozen=True)
class Member:
    name: str
    kind: bytes
    body: bytes
    linkname: str
    mtime: float
    uid: int


MEMBERS = st.builds(
    Member,
    name=NAMES,
    kind=KINDS,
    body=st.binary(max_size=2000),
    linkname=NAMES,
    mtime=st.one_of(st.integers(0, 1 << 40), st.floats(0, 1e10).map(lambda value: round(value, 3))),
    uid=st.integers(0, 1 << 40),
)


def as_tarfile_writes(members: list[Member], form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for each in members:
            info = tarfile.TarInfo(each.name)
            info.type, info.mtime, info.uid = each.kind, each.mtime, each.uid  # type: ignore[assignment]  # a float is meant
            if each.kind == tarfile.REGTYPE:
                info.size = len(each.body)
            if each.kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = each.linkname
            archive.addfile(info, io.BytesIO(each.body))
    return buffer.getvalue()


def cut_at(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        yield data[position : position + size]
        position, turn = position + size, turn + 1


@given(st.lists(MEMBERS, max_size=6), FORMATS, CUTS)
def test_we_read_what_tarfile_wrote(members: list[Member], form: int, cuts: list[int]) -> None:
    data = as_tarfile_writes(members, form)
    reader = TarReader(cut_at(data, cuts))
    found = [
        (entry.name, entry.kind, entry.linkname, entry.uid, b"".join(bytes(piece) for piece in entry.body))
        for entry in reader
    ]
    assert b"".join(reader.trailer()).strip(b"\0") == b""
    assert reader.has_end

    for each, (name, kind, linkname, uid, body) in zip(members, found, strict=True):
        is_file, is_link = each.kind == tarfile.REGTYPE, each.kind in (tarfile.SYMTYPE, tarfile.LNKTYPE)
        assert name.removesuffix(b"/").decode() == each.name
        assert (kind, uid) == (each.kind, each.uid)
        assert linkname.decode() == (each.linkname if is_link else "")
        assert body == (each.body if is_file else b"")


@given(st.lists(MEMBERS, max_size=6), FORMATS, CUTS, CUTS)
def test_cutting_makes_no_difference(members: list[Member], form: int, cuts: list[int], others: list[int]) -> None:
    data = as_tarfile_writes(members, form)
    reader = TarReader(cut_at(data, cuts))
    once = b"".join(serialise(reader, reader.trailer()))
    reader = TarReader(cut_at(once, others))
    assert b"".join(serialise(reader, reader.trailer())) == data


@given(st.lists(MEMBERS, max_size=6))
def test_tarfile_reads_what_we_made(members: list[Member]) -> None:
    entries = [
        make_entry(
            each.name.encode(),
            each.kind,
            body=each.body if each.kind == tarfile.REGTYPE else b"",
            linkname=each.linkname.encode(),
            uid=each.uid,
            mtime=each.mtime,
        )
        for each in members
    ]
    for each, info in zip(members, as_tarfile_reads(written(entries)), strict=True):
        assert (info.name, info.type, info.linkname) == (each.name, each.kind, each.linkname)
        assert (info.uid, info.mtime) == (each.uid, pytest.approx(each.mtime, abs=1e-6))


@given(st.lists(MEMBERS, max_size=5), FORMATS, NAMES, st.integers(-5, 1 << 40), st.binary(max_size=600))
def test_edits_change_what_they_name_and_nothing_else(
    members: list[Member], form: int, name: str, mtime: int, body: bytes
) -> None:
    reader = TarReader([as_tarfile_writes(members, form)])
    edited = (
        entry.replaced(name=name.encode(), mtime=mtime, body=body if entry.kind == b"0" else None) for entry in reader
    )
    data = b"".join(serialise(edited, reader.trailer()))

    for each, info in zip(members, as_tarfile_reads(data), strict=True):
        is_file, is_link = each.kind == tarfile.REGTYPE, each.kind in (tarfile.SYMTYPE, tarfile.LNKTYPE)
        assert (info.name, info.mtime, info.type, info.uid) == (name, mtime, each.kind, each.uid)
        assert info.size == (len(body) if is_file else 0)
        assert info.linkname == (each.linkname if is_link else "")


@given(st.lists(MEMBERS, max_size=5), FORMATS, st.integers(0, 1 << 33))
def test_edits_made_twice_are_made_once(members: list[Member], form: int, mtime: int) -> None:
    for entry in TarReader([as_tarfile_writes(members, form)]):
        first = entry.replaced(mtime=mtime, drop_pax=["comment"])
        assert first.replaced(mtime=mtime, drop_pax=["comment"]) is first


SOUND = [
    member(b"a", b"x" * 700)
    + pax({b"path": b"b", b"mtime": b"1.5", b"SCHILY.xattr.user.a": b"1"})
    + member(b"b", b"y"),
    gnu_long(b"n" * 120) + gnu_long(b"t" * 120, b"K") + header(flag=b"2") + member(b"dir/", flag=b"5") + END,
    pax({b"comment": b"x"}, flag=b"g") + member(b"a", b"abc", rest=bytes(80) + b"prefix") + bytes(512),
    old_sparse(b"x" * 40, 60 * 1024, [(offset * 1024, 1) for offset in range(40)]) + member(b"after"),
    pax(record(b"GNU.sparse.numblocks", b"1") + record(b"GNU.sparse.map", b"5,3") + record(b"GNU.sparse.size", b"9"))
    + member(b"sparse", b"abc")
    + END,
    pax({b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.realsize": b"900"})
    + member(b"sparse", b"1\n5\n3\n".ljust(512, b"\0") + b"abc")
    + END,
]
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 1 << 16), st.one_of(st.binary(min_size=1, max_size=3), st.sampled_from([b"\x80", b"9", b"\n"]))
    ),
    max_size=6,
)


def damaged(data: bytes, changes: list[tuple[int, bytes]], repaired: bool, length: int) -> bytes:
    buffer = bytearray(data)
    for position, value in changes:
        position %= len(buffer)
        buffer[position : position + len(value)] = value
    if repaired:
        for start in range(0, len(buffer) - 511, 512):
            if buffer[start + 257 : start + 262] == b"ustar":
                buffer[start : start + 512] = with_checksum(bytes(buffer[start : start + 512]))
    return bytes(buffer[: length % (len(buffer) + 1)] if length else buffer)


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SOUND), CHANGES, st.booleans(), st.one_of(st.just(0), st.integers(0, 1 << 13)), CUTS)
def test_a_damaged_archive_is_refused_or_comes_out_as_it_was(
    sound: bytes, changes: list[tuple[int, bytes]], repaired: bool, length: int, cuts: list[int]
) -> None:
    data = damaged(sound, changes, repaired, length)
    try:
        for entry in TarReader(cut_at(data, cuts)):
            _look_at(entry)
            if entry.kind not in BODILESS and entry.size <= 1 << 16:
                assert sum(len(piece) for piece in expanded(entry)) == entry.size
    except OccystrapError:
        return
    reader = TarReader(cut_at(data, cuts))
    assert b"".join(serialise(reader, reader.trailer())) == data


def _look_at(entry: object) -> None:
    for field in ("path", "linkname", "mode", "uid", "gid", "uname", "gname", "mtime", "device", "pax", "xattrs"):
        getattr(entry, field)


@settings(max_examples=300)
@given(st.sampled_from(SOUND), CHANGES, st.integers(-9, 1 << 40), NAMES)
def test_a_damaged_entry_can_be_edited_and_read_again(
    sound: bytes, changes: list[tuple[int, bytes]], mtime: int, name: str
) -> None:
    data = damaged(sound, changes, True, 0)
    try:
        reader = TarReader([data])
        edited = list(
            serialise((entry.replaced(mtime=mtime, name=name.encode()) for entry in reader), reader.trailer())
        )
        before = [(entry.kind, entry.size, entry.stored_size, entry.mode) for entry in TarReader([data])]
    except OccystrapError:
        return
    after = list(TarReader(edited))
    assert [(entry.kind, entry.size, entry.stored_size, entry.mode) for entry in after] == before
    assert all(entry.kind == b"g" or (entry.name, entry.mtime) == (name.encode(), mtime) for entry in after)


@given(st.binary(max_size=3000))
def test_noise_is_refused_or_an_archive(noise: bytes) -> None:
    try:
        list(TarReader([noise]))
    except OccystrapError as error:
        assert "\n" not in str(error)


def test_memory_does_not_grow_with_the_archive() -> None:
    def chunks(count: int) -> Iterator[bytes]:
        for number in range(count):
            yield member(b"dir/%d" % number, b"x" * 1000, mtime=b"%011o\0" % number)
        yield END_OF_ARCHIVE

    def peak(count: int) -> int:
        tracemalloc.start()
        reader = TarReader(chunks(count))
        for _ in serialise((entry.replaced(mtime=0) for entry in reader), reader.trailer()):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(20_000) < peak(6_000) * 1.1 < 4 << 20


def test_a_name_of_thousands_of_directories_is_just_long() -> None:
    deep = b"d/" * 2000 + b"file"
    (entry,) = TarReader([written([make_entry(deep)])])
    assert (entry.name, entry.path) == (deep, deep)
