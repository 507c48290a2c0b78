"""Rules about the syntax of layers' archives: each broken by one image, and by no legal neighbour."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

import pytest

from occystrap_core.contracts.entry import BLOCK_DEVICE, DIRECTORY, SYMLINK, Entry
from occystrap_core.streams.tar import END_OF_ARCHIVE, make_entry
from occystrap_core.streams.tar.header import put, sealed
from occystrap_core.streams.tar.times import HEADER_TIMES
from occystrap_core.testing.build import device, directory, fifo, file, hardlink, layer_tar, symlink, whiteout
from tests.checks.broken import edited
from tests.checks.layers_made import image_of, messages, told
from tests.checks.rules import NOW, findings

ETC = directory("etc")
PASSWD = file("etc/passwd", "root:x:0:0::/:/bin/sh\n")


def header(name: bytes, **fields: Any) -> bytes:
    return make_entry(name, **fields).raw


def patched(raw: bytes, start: int, value: bytes) -> bytes:
    return sealed(put(raw, slice(start, start + len(value)), value))


def gnu_sparse() -> bytes:
    """An old GNU sparse file of 4096 bytes, of which the last 512 are stored."""
    block = header(b"sparse", size=512, body=iter(()))
    block = patched(block, 156, b"S")
    block = patched(block, 257, b"ustar  \0")
    block = patched(block, 386, b"%011o\0%011o\0" % (3584, 512))
    return patched(block, 483, b"%011o\0" % 4096) + b"x" * 512


def gnu_long_name() -> bytes:
    name = b"long/" * 30 + b"file"
    block = patched(header(b"././@LongLink", size=len(name) + 1, body=iter(())), 156, b"L")
    return block + (name + b"\0").ljust(512, b"\0") + header(b"long")


DIRTY = "a-name-of-a-directory-long-enough-to-be-cut/" * 2
CASES = {
    "a plain layer": ([ETC, PASSWD], []),
    "the same path twice": ([ETC, PASSWD, PASSWD], [("tar-duplicate", "error")]),
    "the same path written in two ways": ([ETC, PASSWD, file("./etc//passwd")], [("tar-duplicate", "error")]),
    "a directory twice": ([ETC, PASSWD, ETC], [("tar-duplicate", "error")]),
    "a whiteout twice": (
        [ETC, whiteout("etc/x"), whiteout("etc/x")],
        [("tar-duplicate", "error"), ("wh-in-first-layer", "info")],
    ),
    "a path with dots": ([ETC, file("etc/../../x")], [("tar-path-escape", "error")]),
    "dots that are no way up": ([ETC, file("etc/a..b"), file("etc/...")], []),
    "the root as a symlink": ([make_entry(b".", SYMLINK, linkname=b"etc")], [("tar-path-escape", "error")]),
    "the root as a file": ([make_entry(b"./")], [("tar-path-escape", "error")]),
    "an entry without a name": ([patched(header(b"x"), 0, b"\0")], [("tar-path-escape", "error")]),
    "the root as a directory": ([make_entry(b"./", DIRECTORY), file("x")], []),
    "a symlink that climbs by way of another, and a file in it": (
        [directory("a"), symlink("a/b", "../.."), symlink("c", "a/b/.."), file("c/x")],
        [("parent-not-directory", "warning"), ("tar-path-escape", "error")],
    ),
    "a symlink up and down again, and a file in it": (
        [directory("a"), directory("b"), symlink("a/b", "../b"), file("a/b/x")],
        [("parent-not-directory", "warning")],
    ),
    "a hard link to no name": ([ETC, hardlink("etc/copy", "")], [("hardlink-target-missing", "error")]),
    "a name that no file system takes": ([file("x" * 256)], [("name-length", "error")]),
    "the name of a directory that no file system takes": (
        [file("é" * 130 + "/x")],
        [("name-length", "error"), ("parent-not-directory", "info")],
    ),
    "the longest name": ([file("x" * 255)], []),
    "names that turn the line around": ([file("a\u202eb")], [("name-encoding", "warning")]),
    "names with a space that is wide": ([file("a\u3000b"), file("c\u200dd")], []),
    "a path for all that follow": (
        [make_entry(b"pax_global_header", b"g", pax={"path": b"x"}), file("y")],
        [("pax-global", "warning")],
    ),
    "absolute paths": ([file("/ko-app")], [("tar-path-escape", "info")]),
    "a symlink that climbs above the root, and a file in it": (
        [symlink("lib", "../../lib"), file("lib/x")],
        [("parent-not-directory", "warning"), ("tar-path-escape", "error")],
    ),
    "a symlink that climbs above the root alone": ([symlink("lib", "../../lib")], []),
    "a symlink that stays inside, and a file in it": (
        [ETC, directory("usr"), directory("usr/lib"), symlink("lib", "usr/lib"), file("lib/x")],
        [("parent-not-directory", "warning")],
    ),
    "a hard link after its file": ([ETC, PASSWD, hardlink("etc/copy", "etc/passwd")], []),
    "a hard link written another way": ([ETC, PASSWD, hardlink("etc/copy", "./etc/passwd")], []),
    "a hard link before its file": (
        [ETC, hardlink("etc/copy", "etc/passwd"), PASSWD],
        [("hardlink-target-missing", "error")],
    ),
    "a hard link to nothing": ([ETC, hardlink("etc/copy", "etc/passwd")], [("hardlink-target-missing", "error")]),
    "a hard link to itself": ([ETC, hardlink("etc/copy", "etc/copy")], [("hardlink-target-missing", "error")]),
    "a hard link out of the image": (
        [ETC, hardlink("etc/copy", "../../etc/shadow")],
        [("hardlink-target-missing", "error")],
    ),
    "a hard link to a directory": ([ETC, hardlink("copy", "etc")], [("hardlink-target-missing", "error")]),
    "a file in a file": ([file("etc"), file("etc/passwd")], [("parent-not-directory", "error")]),
    "directories without entries": ([file("a/b/c")], [("parent-not-directory", "info")]),
    "names that are not UTF-8": ([make_entry(b"caf\xe9")], [("name-encoding", "warning")]),
    "names with control characters": ([file("a\nb")], [("name-encoding", "warning")]),
    "decomposed names": ([file(unicodedata.normalize("NFD", "café"))], [("name-encoding", "warning")]),
    "composed names": ([file("café"), file("日本")], []),
    "a name as long as its field": ([file("x" * 100)], [("name-truncated", "info")]),
    "a link name as long as its field": ([symlink("x", "y" * 100)], [("name-truncated", "info")]),
    "a name of 99 bytes": ([file("x" * 99)], []),
    "a name in a PAX header": ([file("x" * 101)], []),
    "a numeric field in base 256": (
        [(patched(header(b"x"), 108, b"\x80\0\0\0\0\0\0\x05"))],
        [("tar-dialects", "info")],
    ),
    "PAX records and GNU long names": (
        [gnu_long_name(), header(b"x", pax={"comment": b"hello"})],
        [("parent-not-directory", "info"), ("tar-dialects", "info")],
    ),
    "fractions of a second": ([file("x", mtime=1_600_000_000.5)], [("pax-subsecond-mtime", "info")]),
    "whole seconds in a PAX record": ([file("x", pax={"comment": b"y"}, mtime=1_600_000_000)], []),
    "a time before 1970": ([file("x", mtime=-1)], [("tar-timestamp", "error")]),
    "a time before 1970 in base 256": (
        [patched(header(b"x"), 136, b"\xff" * 12)],
        [("tar-dialects", "info"), ("tar-timestamp", "error")],
    ),
    "the first moment": ([file("x", mtime=0)], []),
    "a time in the future": ([file("x", mtime=int(NOW) + 200_000)], [("mtime-range", "warning")]),
    "a time in the future with a fraction": (
        [file("x", mtime=int(NOW) + 200_000.5)],
        [("mtime-range", "warning"), ("pax-subsecond-mtime", "info")],
    ),
    "a clock that is an hour ahead": ([file("x", mtime=int(NOW) + 3600)], []),
    "a time no header can say": ([file("x", mtime=HEADER_TIMES.stop)], [("mtime-range", "warning")]),
    "a sparse file of GNU tar": ([gnu_sparse()], [("sparse-file", "warning")]),
    "a sparse file in PAX records": (
        [file("x", "data", pax={"GNU.sparse.map": b"0,4", "GNU.sparse.numblocks": b"1", "GNU.sparse.size": b"9000"})],
        [("sparse-file", "warning")],
    ),
    "a character device": ([device("null", 1, 3)], [("device-node", "warning")]),
    "a block device": ([device("sda", 8, 0, BLOCK_DEVICE)], [("device-node", "warning")]),
    "a device in /dev": ([directory("dev"), device("dev/null", 1, 3)], [("device-node", "info")]),
    "a named pipe": ([fifo("pipe")], [("device-node", "warning")]),
    "a volume label": ([patched(header(b"label"), 156, b"V")], [("unknown-typeflag", "warning")]),
    "a global header": ([make_entry(b"pax_global_header", b"g", pax={"comment": b"git"}), file("x")], []),
    "attributes that only libarchive reads": (
        [file("ping", pax={"LIBARCHIVE.xattr.security.capability": b"AAAA"})],
        [("xattr-encoding", "warning")],
    ),
    "attributes in both encodings": (
        [file("ping", pax={"LIBARCHIVE.xattr.user.a": b"AAAA", "SCHILY.xattr.user.a": b"\0\0\0"})],
        [],
    ),
    "a file capability": ([file("ping", xattrs={"security.capability": b"\1\0\0\2"})], []),
    "attributes of overlay": (
        [directory("etc", pax={"SCHILY.xattr.trusted.overlay.opaque": b"y"})],
        [("overlay-xattr", "warning")],
    ),
    "a setuid file that all may write": (
        [file("x", mode=0o4777)],
        [("setuid", "warning"), ("tar-permissions", "warning")],
    ),
}


def archive(members: Iterable[Entry | bytes]) -> bytes:
    return (
        b"".join(each if isinstance(each, bytes) else layer_tar(each, trailer=b"") for each in members) + END_OF_ARCHIVE
    )


@pytest.mark.parametrize("name", CASES)
def test_one_layer(name: str) -> None:
    members, expected = CASES[name]
    assert told(image_of(archive(members))) == expected


@pytest.mark.parametrize(
    ("tar", "expected"),
    [
        pytest.param(b"no tar at all" * 100, [("tar-format", "error")], id="no tar"),
        pytest.param(archive([ETC, file("etc/x", "x" * 5000)])[:3000], [("tar-format", "error")], id="cut short"),
        pytest.param(patched(header(b"x"), 124, b"\xff" * 12), [("tar-format", "error")], id="a negative size"),
        pytest.param(layer_tar(PASSWD, ETC, trailer=b""), [], id="no end, and none meant, as umoci insert writes it"),
        pytest.param(layer_tar(ETC, PASSWD) + bytes(9216), [], id="filled up with zeros"),
        pytest.param(layer_tar(ETC, PASSWD) + layer_tar(ETC), [("trailing-junk", "warning")], id="an archive behind"),
    ],
)
def test_the_archive_as_a_whole(tar: bytes, expected: list[tuple[str, str]]) -> None:
    assert [each for each in told(image_of(tar)) if each[1] != "info"] == expected


def test_an_archive_without_an_end_is_a_warning_where_nobody_vouches_for_it() -> None:
    tar = layer_tar(PASSWD, ETC, trailer=b"")
    assert ("tar-no-eof", "info") in told(image_of(tar))
    unknown = edited(image_of(tar), config=lambda json: json["rootfs"].update(diff_ids=[]))
    assert ("tar-no-eof", "warning") in told(unknown)


class TestOverSeveralLayers:
    def test_a_hard_link_into_a_lower_layer_is_a_warning(self) -> None:
        assert told(image_of([ETC, PASSWD], [ETC, hardlink("etc/copy", "etc/passwd")])) == [
            ("hardlink-target-missing", "warning")
        ]

    def test_one_that_is_deleted_below(self) -> None:
        image = image_of([ETC, PASSWD], [ETC, whiteout("etc/passwd")], [ETC, hardlink("etc/copy", "etc/passwd")])
        assert told(image) == [("hardlink-target-missing", "error")]

    def test_a_file_in_what_is_a_file_below(self) -> None:
        assert told(image_of([file("opt")], [file("opt/app")])) == [("parent-not-directory", "error")]

    def test_a_file_in_what_is_a_directory_below(self) -> None:
        assert told(image_of([ETC], [file("etc/motd")])) == []

    def test_a_file_in_what_is_a_symlink_below(self) -> None:
        """Overlay storage makes a directory of the link, other engines write through it."""
        image = image_of([directory("usr"), directory("usr/bin"), symlink("bin", "usr/bin")], [file("bin/sub/sh")])
        assert told(image) == [("parent-not-directory", "warning")]
        [message] = messages(image, "parent-not-directory")
        assert message == (
            "bin/sub/sh lies in bin, a symlink to usr/bin in layer 1: some engines follow it, others replace it"
        )

    def test_a_file_in_what_is_a_symlink_below_that_climbs(self) -> None:
        image = image_of([ETC, symlink("lib", "../../lib")], [file("lib/x")])
        assert told(image) == [("parent-not-directory", "warning"), ("tar-path-escape", "error")]

    def test_a_symlink_below_that_the_layer_makes_a_directory(self) -> None:
        lower = [directory("usr"), directory("usr/bin"), symlink("bin", "usr/bin")]
        assert told(image_of(lower, [directory("bin"), file("bin/sh")])) == []

    def test_a_hard_link_to_a_file_beside_it_through_a_symlink_below(self) -> None:
        upper = [file("bin/sh"), hardlink("bin/ash", "bin/sh")]
        image = image_of([directory("usr"), directory("usr/bin"), symlink("bin", "usr/bin")], upper)
        assert told(image) == [("parent-not-directory", "warning")]

    def test_a_damaged_layer_is_the_only_finding(self) -> None:
        broken = archive([ETC, file("etc/passwd", "x" * 5000)])[:3000]
        assert told(image_of(broken, [ETC, hardlink("etc/copy", "etc/passwd")])) == [("tar-format", "error")]


def test_findings_name_the_place() -> None:
    [message] = messages(image_of([ETC, hardlink("etc/copy", "etc/no\x1bne")]), "hardlink-target-missing")
    assert message == "etc/copy is a hard link to etc/no\\x1bne, which is neither in the layer nor below it"


def test_dialects_are_told_with_names_as_people_write_them() -> None:
    long = "é" + "x" * 120
    [message] = messages(image_of(archive([gnu_long_name(), file(long)])), "tar-dialects")
    assert message.startswith(f"PAX records and GNU long names in one archive: of {long}; of long/long/")


def test_many_findings_of_one_rule_are_cut() -> None:
    said = messages(image_of([file(f"../{number}") for number in range(50)]), "tar-path-escape")
    assert said[-1] == "and 30 more of these"
    assert len(said) == 21


def test_what_is_cut_weighs_what_it_weighs() -> None:
    """Hard links into lower layers are warnings, however many; a directory without an entry is information."""
    many = [ETC, *(hardlink(f"etc/{number}", "etc/passwd") for number in range(30))]
    assert {severity for rule, severity in told(image_of([ETC, PASSWD], many)) if rule != "duplicate-file"} == {
        "warning"
    }
    layers = [[file(f"srv/{number}/x", str(number))] for number in range(30)]
    assert {severity for _, severity in told(image_of([directory("srv")], *layers))} == {"info"}


def test_one_error_is_not_lost_among_many_warnings() -> None:
    many = [ETC, *(hardlink(f"etc/{number}", "etc/passwd") for number in range(30)), hardlink("etc/x", "etc/no")]
    assert told(image_of([ETC, PASSWD], many)).count(("hardlink-target-missing", "error")) == 1


def test_what_is_cut_keeps_its_places() -> None:
    tar = [ETC, *(hardlink(f"etc/{number}", "etc/none") for number in range(23))]
    *_, last = findings(image_of([ETC], tar), "hardlink-target-missing")
    assert (last.message, last.where.layer) == ("and 3 more of these", 1)
    assert [(each.layer, each.entry) for each in last.places] == [(1, "etc/20"), (1, "etc/21"), (1, "etc/22")]
