"""What the reader makes of single headers, and what it refuses: as Go does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, REGULAR, SYMLINK
from occystrap_core.model.errors import InvalidTar, LimitExceeded
from occystrap_core.streams.tar import GLOBAL, TarReader
from tests.tar.blocks import (
    END,
    GNU,
    USTAR,
    V7,
    again,
    body_of,
    contents,
    cut,
    gnu_long,
    header,
    member,
    one,
    pax,
    read,
    record,
    with_checksum,
)


def refused(data: bytes) -> str:
    with pytest.raises(InvalidTar) as caught:
        for entry in TarReader([data]):
            body_of(entry)
    return caught.value.message


def test_an_empty_stream_is_an_empty_archive() -> None:
    assert read(b"") == []


def test_the_fields_of_a_plain_entry() -> None:
    owner = b"root".ljust(32, b"\0") + b"wheel".ljust(32, b"\0") + b"0000001\x000000003\0"
    numbers = {"mode": b"0004755\0", "uid": b"0001750\0", "gid": b"0000144\0", "mtime": b"14000000000\0"}
    entry = one(header(b"bin/su", flag=b"3", rest=owner, **numbers))

    assert (entry.name, entry.kind, entry.size, entry.stored_size) == (b"bin/su", b"3", 0, 0)
    assert (entry.mode, entry.uid, entry.gid, entry.mtime) == (0o4755, 1000, 100, 0o14000000000)
    assert (entry.uname, entry.gname, entry.device) == (b"root", b"wheel", (1, 3))
    assert (entry.pax, entry.xattrs, entry.linkname) == ({}, {}, b"")


class TestNames:
    @pytest.mark.parametrize(
        ("name", "path"),
        [
            (b"etc/passwd", b"etc/passwd"),
            (b"./etc/passwd", b"etc/passwd"),
            (b"/etc/passwd", b"etc/passwd"),
            (b"etc//./passwd/", b"etc/passwd"),
            (b"etc/..data/.", b"etc/..data"),
            (b".wh..wh..opq", b".wh..wh..opq"),
            (b"a/../b", b"a/../b"),
            (b"dir/", b"dir"),
            (b"./", b""),
            (b"/", b""),
            (b"", b""),
        ],
    )
    def test_a_path_is_the_name_without_what_means_nothing(self, name: bytes, path: bytes) -> None:
        entry = one(member(name))
        assert (entry.name, entry.path) == (name, path)

    def test_a_name_ends_at_the_first_nul(self) -> None:
        assert one(header(b"seen\0hidden")).name == b"seen"

    def test_a_name_may_fill_its_field(self) -> None:
        assert one(header(b"n" * 100)).name == b"n" * 100

    def test_names_are_bytes(self) -> None:
        assert one(header(b"\xff\x1b[31m\n")).name == b"\xff\x1b[31m\n"

    def test_ustar_has_a_prefix(self) -> None:
        assert one(header(b"name", rest=bytes(80) + b"some/dir")).name == b"some/dir/name"

    def test_gnu_has_no_prefix_but_times_in_its_place(self) -> None:
        times = b"12345670123\x0012345670123\0"
        assert one(header(b"name", magic=GNU, rest=bytes(80) + times)).name == b"name"

    def test_what_old_go_took_for_a_prefix_in_gnu_headers_is_one(self) -> None:
        assert one(header(b"name", magic=GNU, rest=bytes(80) + b"some/dir")).name == b"some/dir/name"

    def test_such_a_prefix_is_ascii_or_nothing(self) -> None:
        assert one(header(b"name", magic=GNU, rest=bytes(80) + b"d\xc3\xa9")).name == b"name"

    def test_v7_has_neither_prefix_nor_owner_names_nor_devices(self) -> None:
        entry = one(header(b"name", magic=V7, rest=b"nobody".ljust(80, b"x") + b"prefix"))
        assert (entry.name, entry.uname, entry.gname, entry.device) == (b"name", b"", b"", (0, 0))

    def test_the_prefix_of_star_is_shorter(self) -> None:
        star = bytes(80) + b"p" * 131 + b"00000000000\x0000000000000\0" + bytes(8) + b"tar\0"
        assert one(header(b"name", rest=star)).name == b"p" * 131 + b"/name"


class TestKinds:
    @pytest.mark.parametrize(("flag", "kind"), [(b"\0", REGULAR), (b"7", REGULAR), (b"0", REGULAR), (b"D", b"D")])
    def test_files_of_all_ages_have_a_body(self, flag: bytes, kind: bytes) -> None:
        entry = next(iter(TarReader([member(body=b"content", flag=flag)])))
        assert (entry.kind, body_of(entry)) == (kind, b"content")

    @pytest.mark.parametrize("flag", [b"1", b"2", b"3", b"4", b"5", b"6"])
    def test_other_kinds_have_none_whatever_size_they_claim(self, flag: bytes) -> None:
        first, second = read(header(b"first", 700, flag) + member(b"second", b"content"))
        assert (first.kind, first.size, first.stored_size, body_of(first)) == (flag, 700, 0, b"")
        assert second.name == b"second"

    def test_an_old_header_with_a_slash_is_a_directory(self) -> None:
        first, second = read(header(b"dir/", 700, b"\0", magic=V7) + member(b"next"))
        assert (first.kind, first.stored_size) == (DIRECTORY, 0)
        assert second.name == b"next"

    def test_so_it_is_when_the_slash_stands_in_the_long_name(self) -> None:
        assert read(gnu_long(b"dir/") + header(b"dir", 0, b"\0"))[0].kind == DIRECTORY

    def test_a_file_of_today_may_end_with_a_slash(self) -> None:
        assert one(header(b"odd/")).kind == REGULAR

    def test_links_say_where_they_lead(self) -> None:
        hard, soft = read(header(flag=b"1", link=b"target") + header(flag=b"2", link=b"t" * 100))
        assert (hard.kind, hard.linkname) == (HARDLINK, b"target")
        assert (soft.kind, soft.linkname) == (SYMLINK, b"t" * 100)


class TestNumbers:
    @pytest.mark.parametrize("field", [b"0000644\0", b" 644 \0\0\0", b"644", b"\0\0 644 ", b"0644\0xyz"])
    def test_octal_with_blanks_around(self, field: bytes) -> None:
        assert one(header(mode=field.ljust(8, b"\0"))).mode == 0o644

    def test_an_empty_field_is_zero(self) -> None:
        assert one(header(uid=bytes(8), gid=b" " * 8)).uid == 0

    @pytest.mark.parametrize(
        "field", [b"0000648\0", b"0x00644\0", b"+000644\0", b"-000644\0", b"00_0644\0", b"\t000644\0"]
    )
    def test_anything_else_is_refused(self, field: bytes) -> None:
        assert "not octal" in refused(header(mode=field))
        assert "not octal" in refused(header(uid=field))
        assert "not octal" in refused(header(size=field + b"0000"))
        assert "not octal" in refused(header(rest=bytes(64) + field))

    def test_devices_are_not_numbers_in_v7(self) -> None:
        assert read(header(magic=V7, rest=b"z" * 80))

    def test_base_256(self) -> None:
        assert one(header(uid=b"\x80" + (3 << 20).to_bytes(7, "big"))).uid == 3 << 20
        assert one(header(mtime=b"\xff" * 12)).mtime == -1

    def test_a_large_size_in_base_256(self) -> None:
        size = b"\x80" + (9 << 30).to_bytes(11, "big")
        assert next(iter(TarReader([header(size=size)]))).size == 9 << 30

    @pytest.mark.parametrize("size", [b"\xff" * 12, b"\xff" * 11 + b"\x01"])
    def test_a_negative_size_is_refused(self, size: bytes) -> None:
        assert "negative" in refused(header(size=size))
        assert "negative" in refused(header(size=size, flag=b"5"))
        assert "negative" in refused(pax({b"size": b"3"}) + header(size=size))

    def test_more_than_64_bits_are_refused(self) -> None:
        assert "64 bits" in refused(header(size=b"\x80\0\0\0\x80" + bytes(7)))


class TestChecksums:
    def test_a_wrong_one_is_refused(self) -> None:
        block = header(b"name")
        assert "checksum" in refused(b"x" + block[1:])

    def test_bytes_may_have_been_summed_as_signed(self) -> None:
        assert one(with_checksum(header(b"\xff\xfe\xfd"), signed=True)).name == b"\xff\xfe\xfd"

    @pytest.mark.parametrize("style", [b"%07o\0", b"%o", b" %5o \0", b"%o\0  "])
    def test_its_spelling_does_not_matter(self, style: bytes) -> None:
        data = with_checksum(header(b"name"), style=style) + END
        assert again(data) == data

    def test_a_sum_beyond_the_reach_of_adler_32_is_exact(self) -> None:
        block = with_checksum(header(b"\xff" * 100, link=b"\xff" * 100, rest=b"\xff" * 64 + bytes(16) + b"\xff" * 155))
        total = int(block[148:154], 8)
        assert total > 65521
        assert one(block).name.endswith(b"/" + b"\xff" * 100)
        assert "checksum" in refused(block[:148] + b"%06o\0 " % (total - 65521) + block[156:])


class TestPax:
    def test_records_override_the_header(self) -> None:
        records = {
            b"path": b"long/name",
            b"uid": b"3000000",
            b"gid": b"4000000",
            b"uname": "zoë".encode(),
            b"gname": b"staff",
            b"mtime": b"12.5",
            b"size": b"3",
        }
        entry = next(iter(TarReader([pax(records) + header(b"short", 0) + b"abc"])))
        assert (entry.name, entry.uid, entry.gid, entry.mtime) == (b"long/name", 3000000, 4000000, 12.5)
        assert (entry.uname, entry.gname) == ("zoë".encode(), b"staff")
        assert (entry.size, body_of(entry)) == (3, b"abc")
        assert entry.pax == {key.decode(): value for key, value in records.items()}

    def test_they_speak_of_one_entry_only(self) -> None:
        assert [entry.name for entry in read(pax({b"path": b"a"}) + header(b"x") + header(b"b"))] == [b"a", b"b"]

    def test_the_last_header_counts_alone(self) -> None:
        """Python's tarfile takes the first: a difference that hides files."""
        entry = one(pax({b"path": b"first", b"comment": b"x"}) + pax({b"path": b"last"}) + header(b"name"))
        assert (entry.name, entry.pax) == (b"last", {"path": b"last"})

    def test_the_last_record_of_a_name_counts(self) -> None:
        assert one(pax(record(b"path", b"first") + record(b"path", b"last")) + header()).name == b"last"

    def test_an_empty_record_says_nothing(self) -> None:
        entry = one(pax({b"path": b"", b"size": b"", b"mtime": b""}) + header(b"name", mtime=b"00000000007\0"))
        assert (entry.name, entry.size, entry.mtime) == (b"name", 0, 7)

    def test_a_value_may_hold_anything(self) -> None:
        entry = one(pax({b"SCHILY.xattr.user.x": b"a\nb\0c=d", b"k": b"="}) + header())
        assert entry.pax == {"SCHILY.xattr.user.x": b"a\nb\0c=d", "k": b"="}
        assert entry.xattrs == {"user.x": b"a\nb\0c=d"}

    def test_a_keyword_that_is_no_utf_8_survives(self) -> None:
        data = pax({b"\xff\xfe": b"1"}) + header() + END
        assert one(data).pax == {"\udcff\udcfe": b"1"}

    @pytest.mark.parametrize(
        "data",
        [
            b"14 path=name\n",
            b"99 path=name\n",
            b"11 path=name\n",
            b"13 path=name ",
            b"path=name\n",
            b" path=name\n",
            b"6 a=\n",
            b"+6 a=b\n",
            b"6 =ab\n",
            b"4 =\n",
            b"7 path\n",
            b"-9 a=bc\n",
            b"0x9 a=bc\n",
            b"1_0 a=bcd\n",
            record(b"path", b"a\0b"),
            record(b"linkpath", b"a\0b"),
            record(b"uname", b"\0"),
            record(b"key\0", b"value"),
            record(b"path", b"name") + bytes(3),
        ],
    )
    def test_malformed_records_are_refused(self, data: bytes) -> None:
        assert "PAX record" in refused(pax(data) + header())

    @pytest.mark.parametrize("key", [b"uid", b"gid", b"size"])
    @pytest.mark.parametrize("value", [b"x", b"1.5", b"0x10", b" 1", b"1_0", b"9" * 20, b"1\0"])
    def test_numbers_that_are_none_are_refused(self, key: bytes, value: bytes) -> None:
        refused(pax({key: value}) + header())

    @pytest.mark.parametrize("key", [b"mtime", b"atime", b"ctime"])
    @pytest.mark.parametrize("value", [b"x", b"1.5x", b".5", b"1e3", b"1.-5", b"1. 5", b"9" * 20])
    def test_times_that_are_none_are_refused(self, key: bytes, value: bytes) -> None:
        refused(pax({key: value}) + header())

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [(b"0", 0), (b"1.", 1), (b"1.5", 1.5), (b"-1.5", -1.5), (b"-0.25", -0.25), (b"+3", 3), (b"2.0000000009", 2)],
    )
    def test_times(self, value: bytes, seconds: float) -> None:
        assert one(pax({b"mtime": value}) + header()).mtime == seconds

    def test_a_negative_size_is_refused(self) -> None:
        assert "negative" in refused(pax({b"size": b"-1"}) + header())

    def test_extended_attributes_of_libarchive(self) -> None:
        entry = one(pax({b"LIBARCHIVE.xattr.user.a%25b": b"AAEC", b"SCHILY.xattr.user.c": b"x"}) + header())
        assert entry.xattrs == {"user.a%b": b"\0\1\2", "user.c": b"x"}

    def test_extended_attributes_that_are_no_base64_are_refused_when_asked_for(self) -> None:
        entry = one(pax({b"LIBARCHIVE.xattr.user.a": b"A"}) + header())
        with pytest.raises(InvalidTar):
            _ = entry.xattrs


class TestGlobalHeaders:
    def test_they_are_entries_of_their_own(self) -> None:
        data = pax({b"comment": b"0123abcd"}, flag=b"g") + member(b"file", b"abc") + END
        first, second = read(data)
        assert (first.kind, first.pax, first.size, first.stored_size) == (GLOBAL, {"comment": b"0123abcd"}, 0, 0)
        assert second.name == b"file"
        assert again(data) == data

    def test_they_rule_nothing(self) -> None:
        """Python's tarfile applies them to all that follows."""
        data = pax({b"path": b"evil", b"size": b"512", b"uid": b"7"}, flag=b"g") + member(b"good", b"abc")
        entry = read(data)[1]
        assert (entry.name, entry.size, entry.uid, entry.pax) == (b"good", 3, 0, {})
        assert contents(data)[b"good"] == b"abc"

    def test_a_pax_header_in_front_of_one_is_lost(self) -> None:
        data = pax({b"path": b"lost"}) + pax({b"comment": b"x"}, flag=b"g") + header(b"name") + END
        assert [entry.name for entry in read(data)] == [b"PaxHeaders/x", b"name"]
        assert again(data) == data

    def test_their_records_say_nothing_about_themselves(self) -> None:
        """Go ignores values in them that are nonsense."""
        records = {b"mtime": b"nonsense", b"uid": b"x", b"LIBARCHIVE.xattr.a": b"A", b"linkpath": b"to", b"uname": b"u"}
        entry = one(gnu_long(b"x", b"K") + pax(records, flag=b"g"))
        assert (entry.mtime, entry.uid, entry.xattrs, entry.linkname, entry.uname) == (0, 0, {}, b"", b"")

    def test_their_records_are_checked(self) -> None:
        assert "PAX record" in refused(pax(b"nonsense", flag=b"g"))


class TestGnu:
    def test_long_names_and_links(self) -> None:
        data = gnu_long(b"n" * 300) + gnu_long(b"t" * 200, b"K") + header(b"n" * 100, flag=b"2", link=b"t" * 100)
        entry = one(data)
        assert (entry.name, entry.linkname) == (b"n" * 300, b"t" * 200)

    def test_the_last_one_counts(self) -> None:
        assert one(gnu_long(b"first") + gnu_long(b"last") + header(b"x")).name == b"last"

    def test_they_win_over_pax(self) -> None:
        entry = one(gnu_long(b"gnu") + pax({b"path": b"pax", b"linkpath": b"pax"}) + gnu_long(b"to", b"K") + header())
        assert (entry.name, entry.linkname) == (b"gnu", b"to")

    def test_an_empty_one_says_nothing(self) -> None:
        assert one(gnu_long(b"") + header(b"name")).name == b"name"

    def test_a_name_ends_at_the_first_nul(self) -> None:
        assert one(gnu_long(b"seen\0hidden") + header(b"x")).name == b"seen"


class TestLimits:
    @pytest.mark.parametrize("flag", [b"x", b"g", b"L", b"K"])
    def test_an_extended_header_of_more_than_a_mebibyte_is_refused_before_it_is_read(self, flag: bytes) -> None:
        def endless() -> Iterator[bytes]:
            yield header(b"x", (1 << 20) + 1, flag)
            raise AssertionError("read on")

        with pytest.raises(InvalidTar, match="1048577 bytes"):
            list(TarReader(endless()))

    def test_a_mebibyte_is_accepted(self) -> None:
        assert one(pax({b"comment": b"x" * ((1 << 20) - 17)}) + header(b"name")).name == b"name"

    def test_one_extended_header_after_the_other_comes_to_an_end(self) -> None:
        def endless() -> Iterator[bytes]:
            while True:
                yield pax({b"comment": b"x" * 500_000})

        with pytest.raises(LimitExceeded, match="extended headers"):
            list(TarReader(endless()))


class TestEnds:
    def test_two_zero_blocks_and_whatever_follows_are_the_trailer(self) -> None:
        reader = TarReader(cut(member(b"a", b"b") + END + bytes(512) + b"junk\0junk", 700))
        assert [entry.name for entry in reader] == [b"a"]
        assert b"".join(reader.trailer()) == END + bytes(512) + b"junk\0junk"
        assert (reader.has_end, reader.trailing_bytes) == (True, 8)

    def test_entries_after_the_end_are_no_entries(self) -> None:
        data = member(b"a") + END + member(b"b") + END
        reader = TarReader([data])
        assert [entry.name for entry in reader] == [b"a"]
        assert b"".join(reader.trailer()) == data[512:]
        assert reader.trailing_bytes > 0

    def test_an_archive_may_just_stop(self) -> None:
        reader = TarReader([member(b"a", b"b")])
        assert [entry.name for entry in reader] == [b"a"]
        assert list(reader.trailer()) == []
        assert not reader.has_end

    def test_one_zero_block_may_be_all(self) -> None:
        reader = TarReader([member(b"a") + bytes(512)])
        assert [entry.name for entry in reader] == [b"a"]
        assert b"".join(reader.trailer()) == bytes(512)
        assert not reader.has_end

    @pytest.mark.parametrize("after", [member(b"b"), bytes(511), b"x"])
    def test_but_nothing_else_may_follow_it(self, after: bytes) -> None:
        refused(member(b"a") + bytes(512) + after)

    @pytest.mark.parametrize("length", [1, 511])
    def test_a_piece_of_a_header_is_no_end(self, length: int) -> None:
        assert "ends in the middle" in refused(member(b"a") + header(b"b")[:length])

    @pytest.mark.parametrize("length", [512, 513, 512 + 699])
    def test_a_body_cut_short_is_refused_whether_it_is_read_or_not(self, length: int) -> None:
        data = member(b"a", b"x" * 700)[:length]
        assert "ends in the middle" in refused(data)
        with pytest.raises(InvalidTar):
            list(TarReader([data]))

    def test_padding_may_be_missing_at_the_end(self) -> None:
        data = member(b"a", b"x" * 700)[: 512 + 704]
        assert contents(data) == {b"a": b"x" * 700}
        assert again(data) == data

    def test_extended_headers_that_nothing_follows_belong_to_the_trailer(self) -> None:
        reader = TarReader([member(b"a") + pax({b"path": b"b"}) + END])
        assert [entry.name for entry in reader] == [b"a"]
        assert b"".join(reader.trailer()) == pax({b"path": b"b"}) + END

    def test_the_trailer_comes_after_the_entries(self) -> None:
        reader = TarReader([END])
        with pytest.raises(RuntimeError, match="last entry"):
            next(reader.trailer())

    def test_the_error_says_where(self) -> None:
        assert "byte 1536" in refused(member(b"a", b"b") + b"?" + header()[1:])


class TestBodies:
    def test_what_is_not_read_is_skipped(self) -> None:
        data = member(b"a", b"x" * 5000) + member(b"b", b"y" * 5000) + END
        names = []
        for entry in TarReader(cut(data, 999)):
            names.append(entry.name)
            next(iter(entry.body))
        assert names == [b"a", b"b"]

    def test_a_body_is_read_once(self) -> None:
        entry = next(iter(TarReader([member(b"a", b"abc")])))
        assert body_of(entry) == b"abc"
        with pytest.raises(RuntimeError, match="once"):
            body_of(entry)

    def test_and_before_the_next_entry_is_asked_for(self) -> None:
        first, _ = read(member(b"a", b"abc") + member(b"b", b"abc"))
        with pytest.raises(RuntimeError, match="before the next"):
            body_of(first)

    def test_nor_can_reading_go_on_after_that(self) -> None:
        entries = iter(TarReader(cut(member(b"a", b"abcdef") + member(b"b", b"abcdef"), 515)))
        pieces = iter(next(entries).body)
        assert bytes(next(pieces)) == b"abc"
        next(entries)
        with pytest.raises(RuntimeError, match="next entry"):
            next(pieces)

    def test_a_chunk_may_be_overwritten_once_the_next_is_asked_for(self) -> None:
        data = member(b"a", b"x" * 1000) + member(b"b", b"y" * 3000) + END
        assert b"".join(_through_one_buffer(data)) == data

    def test_empty_chunks_mean_nothing(self) -> None:
        data = member(b"a", b"abc")
        assert [e.name for e in TarReader([b"", data[:600], b"", b"", data[600:], b""])] == [b"a"]


def _through_one_buffer(data: bytes) -> Iterator[bytes]:
    from occystrap_core.streams.tar import serialise

    def chunks() -> Iterator[memoryview]:
        buffer = bytearray(700)
        for piece in cut(data, 700):
            buffer[: len(piece)] = piece
            yield memoryview(buffer)[: len(piece)]
            buffer[:] = b"?" * 700

    reader = TarReader(chunks())
    yield from serialise(reader, reader.trailer())


def test_the_version_behind_the_magic_is_gnus_alone() -> None:
    assert one(header(b"name", magic=b"ustar\0xx", rest=bytes(80) + b"dir")).name == b"dir/name"
    assert one(header(b"name", magic=b"ustar xx", rest=bytes(80) + b"dir")).name == b"name"
    assert USTAR.startswith(b"ustar\0")
