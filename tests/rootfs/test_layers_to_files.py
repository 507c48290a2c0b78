"""Layers become the files they say, one upon the other."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from occystrap_core.kit.rootfs import attributes
from occystrap_core.kit.rootfs.extractor import Extractor
from occystrap_core.model.errors import InvalidImage, InvalidTar, TransferError
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.layers import (
    device,
    directory,
    fifo,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from tests import peers
from tests.rootfs.trees import WAYS, names, unpack


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request):
    return request.param


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


# What an entry says


def test_files_have_content_mode_and_time(root, way):
    unpack(root, [("etc/", ""), file("etc/motd", "hello", mode=0o640, mtime=1_600_000_000)], open_in=way)
    status = (root / "etc/motd").stat()
    assert (root / "etc/motd").read_text() == "hello"
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o640, 1_600_000_000 * 10**9)


def test_no_umask_takes_bits_away(root):
    before = os.umask(0o077)
    try:
        unpack(root, [directory("open", 0o777), file("open/all", mode=0o666), directory("tmp", 0o1777)])
    finally:
        os.umask(before)
    assert [stat.S_IMODE((root / name).stat().st_mode) for name in ("open", "open/all", "tmp")] == [
        0o777,
        0o666,
        0o1777,
    ]


def test_setuid_and_setgid_stay_also_with_another_owner(root):
    peers.require_root("setting owners")
    unpack(root, [file("su", mode=0o4755, uid=0), file("mine", "x", mode=0o6755, uid=1000, gid=1000)])
    assert stat.S_IMODE((root / "su").stat().st_mode) == 0o4755
    assert stat.S_IMODE((root / "mine").stat().st_mode) == 0o6755


def test_owners_do_not_come_from_a_directory_with_setgid(root):
    peers.require_root("setting owners")
    unpack(root, [directory("shared", 0o2775, gid=50), directory("shared/sub"), ("shared/file", "")])
    for name, mode in (("shared/sub", 0o755), ("shared/file", 0o644)):
        status = (root / name).stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, 0, mode)


def test_times_are_exact_to_the_nanosecond(root):
    unpack(root, [file("f", mtime=1_600_000_000.5), directory("d", mtime=1_600_000_000.5)])
    assert [(root / name).stat().st_mtime_ns for name in ("f", "d")] == [1_600_000_000_500_000_000] * 2


@pytest.mark.parametrize(
    ("said", "nanoseconds"),
    [(b"1600000000.123456789", 1600000000123456789), (b"-1.25", -1250000000), (b"7", 7 * 10**9)],
)
def test_times_of_pax_records_are_read_without_rounding(said, nanoseconds):
    assert attributes.nanoseconds(SimpleNamespace(pax={"mtime": said})) == nanoseconds


def test_directories_keep_their_time_whatever_happens_in_them_later(root, way):
    then = 1_500_000_000
    unpack(
        root,
        [directory("d", mtime=then), directory("d/e", mtime=then), ("d/e/old", ""), ("d/e/older", "")],
        [("d/e/new", ""), whiteout("d/e/old")],
        [hardlink("d/e/linked", "d/e/older")],
        open_in=way,
    )
    assert names(root) == {"d/", "d/e/", "d/e/new", "d/e/older", "d/e/linked"}
    assert [(root / name).stat().st_mtime for name in ("d", "d/e")] == [then, then]


def test_directories_that_no_entry_describes_are_the_same_every_time(root):
    unpack(root, [("deep/below/file", "")])
    for name in (".", "deep", "deep/below"):
        status = (root / name).stat()
        assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o755, 0)


def test_the_root_has_an_entry_too(root):
    unpack(root, [directory("./", 0o751, mtime=77), ("f", "")])
    assert (stat.S_IMODE(root.stat().st_mode), root.stat().st_mtime) == (0o751, 77)


def test_symbolic_links_are_kept_word_for_word(root):
    targets = {"absolute": "/etc/passwd", "up": "../../../x", "nowhere": "does/not/exist", "self": "self"}
    unpack(root, [symlink(name, target, mtime=5) for name, target in targets.items()])
    assert {name: os.readlink(root / name) for name in targets} == targets
    assert (root / "up").lstat().st_mtime == 5


def test_hard_links_are_one_file(root, way):
    unpack(
        root,
        [("usr/bin/", ""), file("usr/bin/perl", "#!", mode=0o755), hardlink("usr/bin/perl5", "usr/bin/perl")],
        [hardlink("bin/perl", "/usr/bin/perl5"), symlink("s", "usr"), hardlink("via", "s/bin/perl")],
        open_in=way,
    )
    files = [root / name for name in ("usr/bin/perl", "usr/bin/perl5", "bin/perl", "via")]
    assert len({path.stat().st_ino for path in files}) == 1


def test_a_hard_link_to_a_file_replaced_later_keeps_the_old_content(root):
    unpack(root, [("a", "old"), hardlink("b", "a")], [("a", "new")])
    assert ((root / "a").read_text(), (root / "b").read_text()) == ("new", "old")


def test_a_hard_link_to_a_link_is_that_link(root):
    unpack(root, [symlink("s", "nowhere"), hardlink("t", "s")])
    assert os.readlink(root / "t") == "nowhere"


def test_a_file_linked_to_itself_stays(root):
    unpack(root, [("a", "content"), hardlink("a", "a"), hardlink("./a", "/a")])
    assert (root / "a").read_text() == "content"


def test_extended_attributes_and_capabilities(root):
    peers.require_root("capabilities")
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    xattrs = {"security.capability": capability, "user.note": b"x\0y"}
    unpack(root, [file("ping", "x", mode=0o755, uid=7, xattrs=xattrs)])
    assert os.getxattr(root / "ping", "security.capability") == capability
    assert os.getxattr(root / "ping", "user.note") == b"x\0y"


def test_attributes_of_an_older_layer_go_with_its_directory_entry(root):
    pax = {"SCHILY.xattr.user.old": b"1"}
    unpack(root, [directory("d", pax=pax)], [directory("d", pax={"SCHILY.xattr.user.new": b"2"})])
    assert os.listxattr(root / "d") == ["user.new"]


def test_attributes_for_overlay_mounts_are_never_set(root):
    report = unpack(root, [file("f", xattrs={"trusted.overlay.opaque": b"y", "user.overlay.opaque": b"y"})])
    assert os.listxattr(root / "f") == []
    assert (report.xattrs_skipped, report.overlay_xattrs_skipped) == (0, 2)
    assert report.warnings() == ("2 extended attributes were skipped: they would speak to overlay mounts",)


def test_devices_and_fifos(root):
    peers.require_root("making devices")
    unpack(root, [device("null", 1, 3, mode=0o666), device("sda", 8, 1, b"4", mode=0o660, gid=6), fifo("pipe")])
    null, disk = (root / "null").stat(), (root / "sda").stat()
    assert stat.S_ISCHR(null.st_mode) and (os.major(null.st_rdev), os.minor(null.st_rdev)) == (1, 3)
    assert stat.S_IMODE(null.st_mode) == 0o666
    assert stat.S_ISBLK(disk.st_mode) and disk.st_gid == 6
    assert stat.S_ISFIFO((root / "pipe").stat().st_mode)


def test_sparse_files_stay_sparse(root, tmp_path):
    peers.require("tar")
    holey = tmp_path / "holey"
    with holey.open("wb") as out:
        out.write(b"begin")
        out.seek(64 << 20)
        out.write(b"end")
        out.truncate(128 << 20)
    for form in ("gnu", "posix"):
        for version in ("0.0", "0.1", "1.0") if form == "posix" else ("",):
            asked = [f"--sparse-version={version}"] if version else []
            archive = tmp_path / "sparse.tar"
            peers.run_tool("tar", "-C", str(tmp_path), f"--format={form}", "-S", *asked, "-cf", str(archive), "holey")
            target = tmp_path / f"root{form}{version}"
            unpack(target, archive.read_bytes())
            status = (target / "holey").stat()
            assert status.st_size == 128 << 20
            assert status.st_blocks * 512 < 1 << 20
            assert (target / "holey").read_bytes() == holey.read_bytes()


# One layer upon another


def test_later_layers_replace(root, way):
    unpack(
        root,
        [("file", "1"), ("dir/", ""), ("dir/inside", ""), symlink("link", "file"), fifo("pipe")],
        [("file/", ""), ("dir", "now a file"), ("link", "now a file"), ("pipe", "now a file")],
        open_in=way,
    )
    assert names(root) == {"file/", "dir", "link", "pipe"}
    assert (root / "link").read_text() == "now a file"


def test_a_directory_entry_takes_the_place_of_a_link_to_a_directory(root, way):
    unpack(root, [("real/", ""), symlink("d", "real")], [("d/", ""), ("d/f", "")], open_in=way)
    assert names(root) == {"real/", "d/", "d/f"}


def test_directories_are_merged(root):
    unpack(root, [("d/", ""), ("d/a", "")], [directory("d", 0o700), ("d/b", "")])
    assert names(root) == {"d/", "d/a", "d/b"}
    assert stat.S_IMODE((root / "d").stat().st_mode) == 0o700


def test_files_arrive_through_links_inside_the_root(root, way):
    unpack(
        root,
        [
            ("usr/lib/", ""),
            symlink("lib", "usr/lib"),
            symlink("usr/lib64", "/lib"),
            ("lib/a", "1"),
            ("usr/lib64/b", "2"),
        ],
        open_in=way,
    )
    assert names(root) >= {"usr/lib/a", "usr/lib/b"}


def test_a_dangling_link_on_the_way_leads_to_a_new_directory_inside(root, way):
    unpack(root, [symlink("var", "/data/../new/place"), ("var/f", "x")], open_in=way)
    assert names(root) == {"var", "new/", "new/place/", "new/place/f", *({"data/"} if (root / "data").exists() else ())}


def test_a_link_that_is_replaced_leads_nowhere_any_more(root, way):
    unpack(
        root,
        [("one/", ""), ("two/", ""), symlink("d", "one"), ("d/a", ""), symlink("d", "two"), ("d/b", "")],
        open_in=way,
    )
    assert names(root) == {"one/", "one/a", "two/", "two/b", "d"}


def test_a_file_where_a_directory_is_needed_gives_way(root, way):
    unpack(root, [("a", "a file")], [("a/b/c", "")], open_in=way)
    assert names(root) == {"a/", "a/b/", "a/b/c"}


@pytest.mark.parametrize("name", ["plain", ".hidden", "é\n\x1b[2J", "x" * 255, " ", "-rf", "*"])
def test_any_name_is_a_name(root, name):
    unpack(root, [(f"{name}", "content")])
    assert (root / name).read_text() == "content"


def test_names_that_are_no_text_stay_bytes(root):
    unpack(root, [make_entry(b"\xff\xfe", body=b"x")])
    assert os.listdir(os.fsencode(root)) == [b"\xff\xfe"]


# Whiteouts


LOWER = [("d/", ""), ("d/a", "lower"), ("d/b", "lower"), ("d/sub/", ""), ("d/sub/x", "lower"), ("keep", "")]


@pytest.mark.parametrize(
    ("upper", "left"),
    [
        ([whiteout("d/a")], {"d/", "d/b", "d/sub/", "d/sub/x", "keep"}),
        ([whiteout("d/sub")], {"d/", "d/a", "d/b", "keep"}),
        ([whiteout("d")], {"keep"}),
        ([whiteout("nothing"), whiteout("d/nothing")], {"d/", "d/a", "d/b", "d/sub/", "d/sub/x", "keep"}),
        ([opaque("d")], {"d/", "keep"}),
        ([opaque("d/sub")], {"d/", "d/a", "d/b", "d/sub/", "keep"}),
        ([whiteout("d"), ("d/new", "")], {"d/", "d/new", "keep"}),
        ([whiteout("d/a"), ("d/a", "upper")], {"d/", "d/a", "d/b", "d/sub/", "d/sub/x", "keep"}),
        ([opaque("d"), ("d/a", "upper"), ("d/sub/y", "")], {"d/", "d/a", "d/sub/", "d/sub/y", "keep"}),
        ([opaque("d"), hardlink("d/linked", "keep")], {"d/", "d/linked", "keep"}),
        ([whiteout("d"), ("d/", ""), symlink("d/s", "x")], {"d/", "d/s", "keep"}),
    ],
)
def test_whiteouts_hide_what_is_below_in_any_order(tmp_path, way, upper, left):
    for number, order in enumerate((upper, upper[::-1], [*upper[1:], upper[0]])):
        root = tmp_path / str(number)
        unpack(root, LOWER, order, open_in=way)
        assert names(root) == left, order


def test_a_whiteout_takes_no_name_that_only_begins_the_same(root):
    unpack(root, [("etc/foo", ""), ("etc/foobar", ""), ("etc/foo.d/x", "")], [whiteout("etc/foo")])
    assert names(root) == {"etc/", "etc/foobar", "etc/foo.d/", "etc/foo.d/x"}


def test_what_stays_only_for_its_content_looks_as_if_the_whiteout_had_come_first(tmp_path):
    lower = [directory("d", 0o700, mtime=9, uid=5), ("d/old", "")]
    trees = []
    for number, upper in enumerate(([whiteout("d"), ("d/new", "")], [("d/new", ""), whiteout("d")])):
        unpack(tmp_path / str(number), lower, upper)
        status = (tmp_path / str(number) / "d").stat()
        trees.append((stat.S_IMODE(status.st_mode), status.st_uid, status.st_mtime))
    assert trees == [(0o755, os.geteuid(), 0)] * 2


def test_a_whiteout_hides_what_an_older_layer_linked(root):
    unpack(root, [("a", "x"), hardlink("b", "a")], [whiteout("a")])
    assert (names(root), (root / "b").read_text()) == ({"b"}, "x")


def test_a_whiteout_of_a_link_leaves_where_it_leads(root):
    unpack(root, [("real/", ""), ("real/f", ""), symlink("link", "real")], [whiteout("link")])
    assert names(root) == {"real/", "real/f"}


def test_the_books_of_aufs_are_no_files(root):
    unpack(root, [(".wh..wh.plnk/", ""), (".wh..wh.plnk/1.2", ""), (".wh..wh.aufs", ""), ("real", "")])
    assert names(root) == {"real"}


def test_each_layer_tells_what_it_did(root):
    report = unpack(root, LOWER, [whiteout("d/a"), opaque("d/sub")])
    assert (report.entries, report.whiteouts, report.bytes_written) == (8, 2, 15)


# Without root


@pytest.fixture
def unprivileged(root):
    def run(*layers):
        return unpack(root, *layers, privileged=False)

    return run


def test_without_root_owners_are_recorded_as_umoci_does(unprivileged, root):
    report = unprivileged([file("f", uid=1000, gid=300), file("g"), directory("d", uid=1), symlink("s", "x", uid=5)])
    assert (root / "f").stat().st_uid == os.geteuid()
    assert os.getxattr(root / "f", "user.rootlesscontainers") == b"\x08\xe8\x07\x10\xac\x02"
    assert os.getxattr(root / "d", "user.rootlesscontainers") == b"\x08\x01"
    assert os.listxattr(root / "g") == []
    assert report.owners_unset == 3
    assert report.warnings() == ("3 owners were recorded, not set: that needs root",)


def test_without_root_the_users_own_number_is_recorded_too(unprivileged, root):
    """In the user namespace that the tree is for, the user is root."""
    own = max(os.geteuid(), 1)
    assert unprivileged([file("f", uid=own, gid=own)]).owners_unset == 1


def test_without_root_devices_are_skipped_and_counted(unprivileged, root):
    report = unprivileged([("null", "an older file")], [device("null", 1, 3), device("zero", 1, 5), fifo("pipe")])
    assert names(root) == {"pipe"}
    assert report.warnings() == ("2 device nodes were skipped: making them needs root",)


def test_without_root_directories_close_only_at_the_end(unprivileged, root):
    unprivileged(
        [directory("closed", 0o555), ("closed/a", ""), directory("closed/shut", 0o000), ("closed/shut/b", "")],
        [("closed/c", ""), whiteout("closed/a")],
    )
    assert stat.S_IMODE((root / "closed").stat().st_mode) == 0o555
    assert stat.S_IMODE((root / "closed/shut").stat().st_mode) == 0
    assert {path.name for path in (root / "closed").iterdir()} == {"shut", "c"}


def test_somebody_who_is_not_root_can_unpack():
    peers.require_root("becoming somebody else")
    closed = [directory("closed", 0o500), file("closed/f", "x", mode=0o400, uid=7), hardlink("h", "closed/f")]
    layers = [layer_tar(*closed, device("null", 1, 3)), layer_tar(whiteout("closed"), fifo("pipe"))]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        child = os.fork()
        if not child:
            code = 1
            try:
                os.setgid(65534)
                os.setuid(65534)
                report = unpack(Path(folder) / "root", *layers)
                code = 0 if (report.owners_unset, report.devices_skipped) == (1, 1) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert (Path(folder) / "root/h").stat().st_uid == 65534
        assert names(Path(folder) / "root") == {"h", "pipe"}


# For overlay mounts


def test_overlay_layers_have_devices_for_whiteouts_and_an_attribute_for_opaque(root):
    peers.require_root("attributes of overlay mounts")
    report = unpack(root, [("d/", ""), whiteout("d/a"), ("e/", ""), opaque("e"), ("e/f", "")], overlay=True)
    status = (root / "d/a").stat()
    assert stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
    assert os.getxattr(root / "e", "trusted.overlay.opaque") == b"y"
    assert names(root) == {"d/", "d/a", "e/", "e/f"}
    assert report.whiteouts == 2


@pytest.mark.parametrize("turned", [False, True])
def test_overlay_whiteouts_never_cover_what_the_layer_adds(root, turned):
    peers.require_root("attributes of overlay mounts")
    entries = [whiteout("file"), ("file", "new"), whiteout("dir"), ("dir/", ""), ("dir/x", ""), whiteout("implied")]
    layer = [*entries[::-1], ("implied/y", "")] if turned else [*entries, ("implied/y", "")]
    unpack(root, layer, overlay=True)
    assert names(root) == {"file", "dir/", "dir/x", "implied/", "implied/y"}
    assert [os.getxattr(root / name, "trusted.overlay.opaque") for name in ("dir", "implied")] == [b"y", b"y"]


def test_overlay_layers_tell_which_directories_no_entry_describes(root):
    root.mkdir()
    with Extractor(root, overlay=True) as extractor:
        layer = extractor.apply([layer_tar(("a/b/c", ""), ("d/x", ""), ("d/", ""))])
    assert sorted(layer.implied) == [b"", b"a", b"a/b"]


def test_a_whiteout_device_in_a_layer_is_none(root):
    report = unpack(root, [("x", "")], [device("x", 0, 0), device("y", 0, 0)])
    assert names(root) == set()
    assert report.whiteout_devices_skipped == 2


# Faults


def test_a_damaged_layer_is_an_error(root):
    with pytest.raises(InvalidTar):
        unpack(root, layer_tar(("f", "x" * 2000))[:1500])


def test_a_dangling_hard_link_is_an_error_that_names_both_ends(root):
    with pytest.raises(InvalidImage, match=r"hard link b leads to missing/a"):
        unpack(root, [hardlink("b", "missing/a")])


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path):
    peers.require("unshare", "mount")
    peers.require_root("mounting")
    small = tmp_path / "small"
    small.mkdir()
    peers.run_tool("mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small))
    try:
        with pytest.raises(TransferError, match=r"cannot unpack big: No space left on device"):
            unpack(small / "root", [("big", "x" * 200_000)])
    finally:
        peers.run_tool("umount", str(small))


def test_no_descriptor_stays_open(tmp_path):
    before = set(os.listdir("/proc/self/fd"))
    unpack(tmp_path / "root", [(f"{number}/file", "") for number in range(300)], [opaque("7")])
    with pytest.raises(InvalidImage):
        unpack(tmp_path / "other", [(f"{number}/file", "") for number in range(300)], [hardlink("x", "y")])
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_tree_much_deeper_than_a_stack_is_made_and_removed(tmp_path, way):
    deep = "/".join(["d"] * 1900)
    unpack(tmp_path / "one", [(f"{deep}/f", "")], [("d/new", ""), whiteout("d")], open_in=way)
    assert os.listdir(tmp_path / "one/d") == ["new"]
    unpack(tmp_path / "two", [(f"{deep}/f", "")], [("d", "a file")], open_in=way)
    assert Path(tmp_path / "two/d").is_file()
