"""Entries that no archive had: USTAR where the values fit, PAX where they do not, never GNU."""

from __future__ import annotations

import pytest

from occystrap_core.contracts.entry import BLOCK_DEVICE, CHAR_DEVICE, DIRECTORY, HARDLINK, SYMLINK
from occystrap_core.model.errors import InvalidTar
from occystrap_core.streams.tar import END_OF_ARCHIVE, make_entry, serialise
from tests.tar.blocks import as_tarfile_reads, contents, one, read, written


def test_a_plain_file_is_one_ustar_block() -> None:
    entry = make_entry(b"etc/passwd", body=b"root:x:0:0", mode=0o600, uid=1, gid=2, uname=b"u", gname=b"g", mtime=9)
    assert len(entry.raw) == 512
    assert entry.raw[257:265] == b"ustar\x0000"

    data = written([entry])

    (found,) = as_tarfile_reads(data)
    assert (found.name, found.size, found.mode, found.mtime) == ("etc/passwd", 10, 0o600, 9)
    assert (found.uid, found.gid, found.uname, found.gname) == (1, 2, "u", "g")
    assert contents(data) == {b"etc/passwd": b"root:x:0:0"}
    assert len(data) == 4 * 512


def test_equal_arguments_give_equal_bytes() -> None:
    one_way = make_entry(b"n" * 300, uid=1 << 30, pax={"b": b"2", "a": b"1"})
    the_other = make_entry(b"n" * 300, uid=1 << 30, pax={"a": b"1", "b": b"2"})
    assert one_way.raw == the_other.raw


def test_it_reads_as_it_was_made() -> None:
    entry = make_entry(
        b"dev/null", CHAR_DEVICE, mode=0o666, device=(1, 3), mtime=1.25, pax={"SCHILY.xattr.user.a": b"\0"}
    )
    found = one(entry.raw)
    for field in ("name", "kind", "size", "stored_size", "mode", "device", "mtime", "pax", "xattrs", "uname"):
        assert getattr(entry, field) == getattr(found, field)
    assert (found.device, found.mtime, found.xattrs) == ((1, 3), 1.25, {"user.a": b"\0"})


@pytest.mark.parametrize(
    ("name", "is_plain"),
    [
        (b"n" * 100, True),
        (b"n" * 101, False),
        (b"p" * 155 + b"/" + b"n" * 100, True),
        (b"p" * 156 + b"/" + b"n" * 100, False),
        (b"/" + b"n" * 100, False),
        (b"p" * 100 + b"/", False),
        (b"a/" * 78 + b"n" * 100, True),
        ("ñ".encode(), False),
        (b"\xf1", True),
    ],
)
def test_where_a_name_stands(name: bytes, is_plain: bool) -> None:
    entry = make_entry(name)
    assert one(entry.raw).name == name
    assert (len(entry.raw) == 512) == is_plain


@pytest.mark.parametrize("linkname", [b"t" * 100, b"t" * 101, "ñ".encode()])
@pytest.mark.parametrize("kind", [SYMLINK, HARDLINK])
def test_links(kind: bytes, linkname: bytes) -> None:
    found = one(make_entry(b"link", kind, linkname=linkname).raw)
    assert (found.kind, found.linkname) == (kind, linkname)


@pytest.mark.parametrize("number", [0, 0o7777777, 0o10000000, 1 << 40])
def test_owners(number: int) -> None:
    found = one(make_entry(b"file", uid=number, gid=number, uname=b"u" * 40, gname="ñ".encode()).raw)
    assert (found.uid, found.gid, found.uname, found.gname) == (number, number, b"u" * 40, "ñ".encode())


@pytest.mark.parametrize("mtime", [0, 1, (1 << 33) - 1, 1 << 33, -1, 0.5, 1571238601.404288, -1.5, 1e-7, 1e18, 1 << 62])
def test_times(mtime: float) -> None:
    assert one(make_entry(b"file", mtime=mtime).raw).mtime == pytest.approx(mtime, abs=1e-9)


def test_a_size_that_only_a_record_can_hold() -> None:
    entry = make_entry(b"large", body=(), size=1 << 40)
    assert (entry.size, entry.pax) == (1 << 40, {"size": b"1099511627776"})


def test_a_body_that_is_no_bytes_says_its_size() -> None:
    assert contents(written([make_entry(b"a", body=[b"ab", b"c"], size=3)])) == {b"a": b"abc"}
    with pytest.raises(ValueError, match="size"):
        make_entry(b"a", body=[b"abc"])
    with pytest.raises(InvalidTar, match="shorter"):
        written([make_entry(b"a", body=[b"abc"], size=4)])


def test_a_directory_has_no_body() -> None:
    with pytest.raises(ValueError, match="no body"):
        make_entry(b"dir/", DIRECTORY, body=b"abc")


@pytest.mark.parametrize("fields", [{"mode": 1 << 21}, {"device": (1 << 21, 0)}, {"mode": -1}, {"linkname": b"a\0b"}])
def test_what_no_header_can_say_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidTar):
        make_entry(b"name", BLOCK_DEVICE, **fields)  # type: ignore[arg-type]  # a field each


@pytest.mark.parametrize("key", ["", "a=b", "a\0"])
def test_keywords_that_no_record_can_have_are_refused(key: str) -> None:
    with pytest.raises(InvalidTar, match="keyword"):
        make_entry(b"name", pax={key: b"value"})


def test_records_do_not_contradict_the_other_arguments() -> None:
    pax = {"path": b"other", "size": b"9", "mtime": b"1", "comment": b"kept"}
    found = one(make_entry(b"name", mtime=5, pax=pax).raw)
    assert (found.name, found.size, found.mtime, found.pax) == (b"name", 0, 5, {"comment": b"kept"})


def test_a_global_header_holds_its_records() -> None:
    entry = make_entry(b"pax_global_header", b"g", pax={"comment": b"0123abcd"})
    first, second = read(entry.raw + make_entry(b"file").raw)
    assert (first.name, first.kind, first.pax) == (b"pax_global_header", b"g", {"comment": b"0123abcd"})
    assert (entry.pax, second.name) == (first.pax, b"file")


@pytest.mark.parametrize("kind", [b"", b"00", b"x", b"L", b"K", b"S", b"\0"])
def test_kinds_that_are_none_are_refused(kind: bytes) -> None:
    with pytest.raises(ValueError, match="kind"):
        make_entry(b"name", kind)
    with pytest.raises(ValueError, match="kind"):
        make_entry(b"name").replaced(kind=kind)


def test_no_entry_becomes_a_global_header() -> None:
    with pytest.raises(ValueError, match="kind"):
        make_entry(b"name").replaced(kind=b"g")


def test_nothing_but_an_end_is_an_archive() -> None:
    assert b"".join(serialise((), [END_OF_ARCHIVE])) == bytes(1024)
