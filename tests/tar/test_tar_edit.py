"""Entries with other values: what is not named stays byte for byte."""

from __future__ import annotations

import pytest

from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, REGULAR, SYMLINK
from occystrap_core.model.errors import InvalidTar
from occystrap_core.streams.tar import GLOBAL, TarEntry, TarReader, expanded, make_entry, serialise
from tests.tar.blocks import (
    END,
    GNU,
    V7,
    as_tarfile_reads,
    body_of,
    contents,
    gnu_long,
    header,
    member,
    old_sparse,
    one,
    pax,
    read,
    record,
    with_checksum,
    written,
)

OWNER = b"root".ljust(32, b"\0") + b"root".ljust(32, b"\0") + b"0000000\x000000000\0"
ATTRIBUTE = b"\0\1binary\nvalue"


def rewritten(data: bytes, **changes: object) -> bytes:
    """The archive after one `replaced` on every entry."""
    reader = TarReader([data])
    return b"".join(serialise((entry.replaced(**changes) for entry in reader), reader.trailer()))  # type: ignore[arg-type]  # handed through


def differing(before: bytes, after: bytes) -> set[int]:
    assert len(before) == len(after)
    return {at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}


class TestNothingChanges:
    """An entry whose values are already so is this very entry."""

    def test_without_a_request(self) -> None:
        entry = make_entry(b"name", body=b"abc", mtime=7)
        assert entry.replaced() is entry

    @pytest.mark.parametrize("field", [b"00000000007\0", b"          7 ", b"7", b"00000000007 "])
    def test_when_the_time_is_this_in_any_spelling(self, field: bytes) -> None:
        entry = one(header(mtime=field.ljust(12, b"\0")))
        assert entry.replaced(mtime=7) is entry

    @pytest.mark.parametrize("records", [{b"mtime": b"7"}, {b"mtime": b"7.000"}, {b"comment": b"x"}])
    def test_when_the_records_say_the_same(self, records: dict[bytes, bytes]) -> None:
        entry = one(pax(records) + header(mtime=b"00000000007\0"))
        assert entry.replaced(mtime=7) is entry

    def test_when_every_value_is_repeated(self) -> None:
        entry = one(pax({b"path": b"x" * 200, b"linkpath": b"y" * 200}) + header(flag=b"2"))
        assert entry.replaced(name=b"x" * 200, linkname=b"y" * 200, kind=SYMLINK, size=0, mtime=0) is entry

    def test_when_the_records_to_drop_are_not_there(self) -> None:
        entry = one(pax({b"comment": b"x"}) + header())
        assert entry.replaced(drop_pax=["LIBARCHIVE.creationtime"]) is entry

    def test_with_a_time_beyond_the_header(self) -> None:
        entry = make_entry(b"name").replaced(mtime=1 << 40)
        assert entry.mtime == 1 << 40
        assert entry.replaced(mtime=1 << 40) is entry

    def test_global_headers_are_never_rewritten(self) -> None:
        data = pax({b"mtime": b"12"}, flag=b"g") + END
        entry = read(data)[0]
        assert entry.kind == GLOBAL
        assert entry.replaced(mtime=0, name=b"x", kind=SYMLINK, drop_pax=["mtime"]) is entry
        assert rewritten(data, mtime=0) == data


class TestTimes:
    def test_only_the_field_and_the_checksum_differ(self) -> None:
        data = member(b"file", b"content", mtime=b"14372615141\0", rest=OWNER) + END
        assert differing(data, rewritten(data, mtime=0)) <= {*range(136, 148), *range(148, 156)}

    def test_the_result_is_what_tarfile_reads(self) -> None:
        (found,) = as_tarfile_reads(rewritten(member(b"file", b"abc", mtime=b"14372615141\0", rest=OWNER), mtime=99))
        assert (found.mtime, found.size, found.uname) == (99, 3, "root")

    def test_a_checksum_over_high_bytes_is_right(self) -> None:
        block = header(b"\xff" * 100, link=b"\xff" * 100, rest=b"\xff" * 64 + bytes(16) + b"\xff" * 155)
        assert one(one(block).replaced(mtime=1).raw).mtime == 1

    def test_a_checksum_that_summed_signed_bytes_becomes_an_ordinary_one(self) -> None:
        block = with_checksum(header(b"\xff\xfe"), signed=True)
        assert one(block).replaced(mtime=1).raw == header(b"\xff\xfe", mtime=b"00000000001\0")

    def test_pax_times_go_and_the_header_with_them(self) -> None:
        data = pax({b"mtime": b"1.5", b"atime": b"2", b"ctime": b"3"}) + header() + END
        assert rewritten(data, mtime=0) == header() + END

    def test_other_records_stay_in_order_and_byte_for_byte(self) -> None:
        attribute, vendor, padded_length = (
            record(b"SCHILY.xattr.user.a", ATTRIBUTE),
            record(b"x", b""),
            b"0012 abc=de\n",
        )
        mtime, atime = record(b"mtime", b"1.5"), record(b"atime", b"2")
        data = pax(attribute + mtime + vendor + atime + padded_length) + header() + END
        assert rewritten(data, mtime=0) == pax(attribute + vendor + padded_length) + header() + END

    def test_the_creation_time_of_libarchive_goes_when_asked_for(self) -> None:
        data = pax({b"LIBARCHIVE.creationtime": b"5", b"comment": b"x"}) + header() + END
        assert rewritten(data, mtime=0) == data
        assert (
            rewritten(data, mtime=0, drop_pax={"LIBARCHIVE.creationtime"}) == pax({b"comment": b"x"}) + header() + END
        )

    def test_a_time_that_does_not_fit_becomes_a_record(self) -> None:
        data = rewritten(pax({b"mtime": b"1", b"comment": b"x"}) + header() + END, mtime=-5)
        assert data == pax({b"mtime": b"-5", b"comment": b"x"}) + header() + END

    def test_so_it_does_where_there_was_no_extended_header(self) -> None:
        entry = one(rewritten(header(mtime=b"00000000007\0"), mtime=1 << 33))
        assert (entry.mtime, entry.pax) == (1 << 33, {"mtime": b"8589934592"})

    def test_gnu_times_are_emptied(self) -> None:
        times = b"14000000000\x0014000000001\0"
        data = header(magic=GNU, rest=OWNER + times)
        assert rewritten(data, mtime=0) == header(magic=GNU, rest=OWNER)

    def test_but_not_the_prefix_that_old_go_wrote_there(self) -> None:
        data = header(magic=GNU, rest=OWNER + b"some/dir", mtime=b"00000000007\0")
        assert one(rewritten(data, mtime=0)).name == b"some/dir/file"

    def test_star_times_are_emptied(self) -> None:
        def star(times: bytes) -> bytes:
            return header(rest=OWNER + b"dir".ljust(131, b"\0") + times.ljust(24, b"\0") + bytes(8) + b"tar\0")

        assert rewritten(star(b"14000000000\x0014000000001\0"), mtime=0) == star(b"")

    def test_base_256_times_are_replaced(self) -> None:
        assert rewritten(header(mtime=b"\xff" * 12), mtime=0) == header()

    def test_so_are_the_times_of_extended_headers(self) -> None:
        """GNU tar gives them the file's time."""
        old = b"14372615141\0"
        data = pax({b"comment": b"x"}, mtime=old) + gnu_long(b"n" * 200) + header(mtime=old) + END
        assert rewritten(data, mtime=0) == pax({b"comment": b"x"}) + gnu_long(b"n" * 200) + header() + END

    def test_an_odd_checksum_stays_where_only_records_go(self) -> None:
        block = with_checksum(header(), style=b"%7o\0")
        assert rewritten(pax({b"atime": b"1"}) + block + END, mtime=0) == block + END

    def test_the_body_and_its_padding_stay(self) -> None:
        data = header(size=3, mtime=b"00000000007\0") + b"abc" + b"\xaa" * 509 + END
        assert rewritten(data, mtime=0)[512:] == data[512:]

    def test_shadowed_headers_go_with_the_first_change(self) -> None:
        """Go ignores them; other readers would not."""
        data = pax({b"path": b"evil"}) + gnu_long(b"evil") + pax({b"mtime": b"7", b"comment": b"x"}) + gnu_long(b"good")
        assert rewritten(data + header() + END, mtime=0) == (
            pax({b"comment": b"x"}) + gnu_long(b"good") + header() + END
        )


class TestNames:
    @pytest.mark.parametrize("name", [b"short", b"d/" * 70 + b"file", b"n" * 100, b"dir/" + b"n" * 99 + b"/"])
    @pytest.mark.parametrize("magic", [b"ustar\x0000", GNU, V7])
    @pytest.mark.parametrize("before", [b"", pax({b"path": b"old", b"comment": b"x"}), gnu_long(b"o" * 120)])
    def test_the_new_name_is_read_back(self, name: bytes, magic: bytes, before: bytes) -> None:
        entry = one(rewritten(before + header(b"old", magic=magic), name=name))
        assert entry.name == name

    def test_one_that_fits_needs_no_extended_header(self) -> None:
        data = pax({b"path": b"x" * 300}) + header(b"x" * 100, rest=OWNER)
        name = b"p" * 120 + b"/" + b"n" * 90
        assert rewritten(data, name=name) == header(b"n" * 90, rest=OWNER + b"p" * 120)

    def test_utf_8_goes_to_a_record(self) -> None:
        entry = one(rewritten(header(b"old"), name="ü/ñ".encode()))
        assert (entry.name, entry.pax) == ("ü/ñ".encode(), {"path": "ü/ñ".encode()})

    def test_bytes_that_are_no_utf_8_stand_in_the_header(self) -> None:
        entry = one(rewritten(header(b"old"), name=b"\xff\xfe"))
        assert (entry.name, entry.pax) == (b"\xff\xfe", {})

    def test_or_in_a_record_that_is_marked(self) -> None:
        entry = one(rewritten(header(b"old"), name=b"\xff" * 120))
        assert (entry.name, entry.pax) == (b"\xff" * 120, {"hdrcharset": b"BINARY", "path": b"\xff" * 120})

    def test_the_short_form_of_a_long_name_never_looks_like_a_directory(self) -> None:
        raw = make_entry(b"old").replaced(name=b"n" * 99 + b"/" + b"m" * 101).raw
        assert raw[1024:1124] == b"n" * 99 + b"\0"

    def test_nul_cannot_be_written(self) -> None:
        with pytest.raises(InvalidTar, match="NUL"):
            make_entry(b"old").replaced(name=b"a\0b")

    def test_an_old_directory_stays_one_without_its_slash(self) -> None:
        entry = one(header(b"dir/", flag=b"\0", magic=V7))
        renamed = entry.replaced(name=b"folder")
        assert renamed.kind == one(renamed.raw).kind == DIRECTORY

    @pytest.mark.parametrize("linkname", [b"target", b"t" * 100, b"t" * 101, "ü".encode(), b""])
    @pytest.mark.parametrize("before", [b"", pax({b"linkpath": b"old"}), gnu_long(b"o" * 120, b"K")])
    def test_links(self, linkname: bytes, before: bytes) -> None:
        entry = one(rewritten(before + header(flag=b"2", link=b"old"), linkname=linkname))
        assert (entry.kind, entry.linkname) == (SYMLINK, linkname)

    def test_other_records_stay(self) -> None:
        data = pax({b"SCHILY.xattr.user.a": ATTRIBUTE, b"path": b"old", b"vendor": b"x"}) + header()
        entry = one(rewritten(data, name=b"new"))
        assert list(entry.pax.items()) == [("SCHILY.xattr.user.a", ATTRIBUTE), ("vendor", b"x")]

    def test_a_long_new_name_takes_the_old_ones_place(self) -> None:
        data = pax({b"comment": b"x", b"path": b"old", b"vendor": b"x"}) + header()
        assert list(one(rewritten(data, name=b"n" * 200)).pax) == ["comment", "path", "vendor"]


class TestBodies:
    def test_bytes_bring_their_size(self) -> None:
        assert contents(rewritten(member(b"a", b"old" * 500), body=b"new")) == {b"a": b"new"}

    def test_an_iterable_has_the_size_it_replaces_or_that_is_given(self) -> None:
        assert contents(rewritten(member(b"a", b"old"), body=[b"n", memoryview(b"ew")])) == {b"a": b"new"}
        assert contents(rewritten(member(b"a", b"old"), body=[b"n", b"ewer"], size=5)) == {b"a": b"newer"}

    @pytest.mark.parametrize("pieces", [[b"ab"], [b"abcd"], [], [b"abc", b"d"]])
    def test_a_body_of_another_size_is_an_error(self, pieces: list[bytes]) -> None:
        with pytest.raises(InvalidTar, match="than its 3 bytes"):
            rewritten(member(b"a", b"old"), body=pieces)

    def test_the_new_padding_is_zero(self) -> None:
        data = header(size=3) + b"abc" + b"\xaa" * 509
        assert rewritten(data, body=b"xyz") == header(size=3) + b"xyz" + bytes(509)

    def test_a_size_record_goes(self) -> None:
        data = pax({b"size": b"3"}) + header() + b"abc".ljust(512, b"\0")
        assert rewritten(data, body=b"xy") == member(b"file", b"xy")

    def test_a_size_that_does_not_fit_becomes_a_record(self) -> None:
        entry = make_entry(b"name").replaced(body=(), size=9 << 30)
        found = next(iter(TarReader([entry.raw])))
        assert (found.size, found.stored_size, found.pax) == (9 << 30, 9 << 30, {"size": b"9663676416"})

    @pytest.mark.parametrize("renamed", [None, b"other"])
    def test_a_sparse_file_with_a_new_body_is_a_plain_one(self, renamed: bytes | None) -> None:
        old = old_sparse(b"ab", 5000, [(0, 1), (4000, 1)])
        records = {
            b"GNU.sparse.name": b"sparse",
            b"GNU.sparse.major": b"1",
            b"GNU.sparse.minor": b"0",
            b"comment": b"x",
        }
        new = pax({**records, b"GNU.sparse.realsize": b"5000"}) + member(
            b"GNUSparseFile.0/sparse", b"2\n0\n1\n4000\n1\n".ljust(512, b"\0") + b"ab"
        )
        for data in (old, new):
            result = rewritten(data, body=b"content", name=renamed)
            entry = one(result)
            assert (entry.name, entry.kind, entry.size) == (renamed or b"sparse", REGULAR, 7)
            assert entry.fragments is None
            assert entry.pax == ({"comment": b"x"} if data is new else {})
            assert contents(result) == {renamed or b"sparse": b"content"}

    def test_a_sparse_file_keeps_its_map_under_another_name_and_time(self) -> None:
        data = old_sparse(b"x" * 40, 60 * 1024, [(offset * 1024, 1) for offset in range(40)])
        entry = next(iter(TarReader([rewritten(data, name=b"n" * 200, mtime=5)])))
        assert (entry.name, entry.size, entry.mtime) == (b"n" * 200, 60 * 1024, 5)
        assert b"".join(bytes(p) for p in expanded(entry)) == (b"x" + bytes(1023)) * 40 + bytes(20 * 1024)

    def test_a_size_alone_means_nothing(self) -> None:
        with pytest.raises(ValueError, match="size without a body"):
            make_entry(b"name", body=b"abc").replaced(size=2)

    def test_a_link_has_no_body(self) -> None:
        with pytest.raises(ValueError, match="no body"):
            make_entry(b"name", SYMLINK).replaced(body=b"abc")

    def test_an_edited_entry_still_has_its_body(self) -> None:
        for entry in TarReader([member(b"a", b"abc")]):
            assert body_of(entry.replaced(name=b"b", mtime=5)) == b"abc"


class TestKinds:
    def test_a_link_becomes_a_file(self) -> None:
        data = rewritten(header(b"link", 700, b"1", link=b"target"), kind=REGULAR, linkname=b"", body=b"copy", size=4)
        entry = one(data)
        assert (entry.kind, entry.linkname, contents(data)) == (REGULAR, b"", {b"link": b"copy"})

    def test_or_an_empty_one(self) -> None:
        assert rewritten(header(b"link", 700, b"1"), kind=REGULAR) == header(b"link")

    def test_a_file_becomes_a_link(self) -> None:
        data = rewritten(pax({b"size": b"3"}) + header() + bytes(512), kind=HARDLINK, linkname=b"target")
        assert data == header(flag=b"1", link=b"target")

    def test_an_old_directory_becomes_a_file(self) -> None:
        entry = one(header(b"dir/", flag=b"\0", magic=V7)).replaced(kind=REGULAR)
        assert one(entry.raw).kind == entry.kind == REGULAR

    def test_a_file_of_an_old_kind_stays_one(self) -> None:
        assert rewritten(header(flag=b"7"), kind=REGULAR) == header(flag=b"7")


class TestRecords:
    def test_dropping_one_leaves_the_others(self) -> None:
        data = pax(record(b"a", b"1") + record(b"b", b"2") + record(b"a", b"3")) + header()
        assert rewritten(data, drop_pax=["a"]) == pax({b"b": b"2"}) + header()

    def test_a_header_that_was_empty_stays(self) -> None:
        data = pax(b"") + header(mtime=b"00000000007\0")
        assert rewritten(data, mtime=0) == pax(b"") + header()

    @pytest.mark.parametrize("key", ["path", "linkpath", "size", "GNU.sparse.map"])
    def test_what_makes_the_entry_is_replaced_not_dropped(self, key: str) -> None:
        with pytest.raises(ValueError, match="replaced, not dropped"):
            one(pax({b"comment": b"x"}) + header()).replaced(drop_pax=[key])


def test_every_change_at_once_is_what_everybody_reads() -> None:
    entry: TarEntry = make_entry(b"old", mtime=5, pax={"SCHILY.xattr.user.a": ATTRIBUTE})
    data = written([entry.replaced(name=b"n" * 300, mtime=1 << 40, body=b"content", drop_pax=["nothing"])])

    (found,) = as_tarfile_reads(data)

    assert (found.name, found.mtime, found.size) == ("n" * 300, 1 << 40, 7)
    assert one(data).xattrs == {"user.a": ATTRIBUTE}
