"""Whatever layers say, nothing outside the root is read, written, linked, changed or deleted.

Each attack is tried by both ways of finding directories, next to a canary that must stay as it
was. Once more, all of them run in a mount namespace where only the target can be written.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from occystrap_core.model.errors import InvalidImage, LimitExceeded, OccystrapError
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.layers import Member, device, directory, fifo, file, hardlink, layer_tar, opaque, symlink
from tests import peers
from tests.rootfs.trees import WAYS, Layer, names, snapshot, unpack

CANARY = "CANARY"
"""Stands in the attacks for the path of a directory beside the root."""


def attacks() -> dict[str, list[list[Member]]]:
    """Layers by the name of what they try. A path that begins with CANARY is absolute."""
    through = [("evil/file", "owned"), ("evil/dir/", ""), symlink("evil/link", "x")]
    return {
        "names that climb": [[("../canary/file", "owned")], [("a/../../canary/file", "owned")]],
        "names that climb deep": [[("../" * 40 + f"{CANARY}/file", "owned")]],
        "absolute names": [[(f"{CANARY}/file", "owned"), (f"/{CANARY}/file", "owned"), ("//etc/x", "owned")]],
        "a file through an absolute link": [[symlink("evil", CANARY), *through]],
        "a file through a relative link": [[symlink("evil", "../canary"), *through]],
        "a file through a link to the root": [[symlink("evil", "/"), ("evil/../../canary/file", "owned")]],
        "a link of an earlier layer": [[symlink("evil", CANARY)], through],
        "two links that meet": [[symlink("a", "b/../.."), symlink("b", "/.."), ("a/canary/file", "owned")]],
        "a chain of links": [[symlink("a", ".."), symlink("b", "a/.."), symlink("evil", "b/../canary"), *through]],
        "a file over a link": [[symlink("evil", f"{CANARY}/file"), file("evil", "owned")]],
        "a file over a link of an earlier layer": [
            [symlink("evil", f"{CANARY}/file")],
            [file("evil", "owned", mode=0)],
        ],
        "a directory over a link": [[symlink("evil", CANARY), directory("evil", 0o000), ("evil/file", "owned")]],
        "a directory turned link and back": [
            [("d/", ""), ("d/e/", ""), ("d/e/f", ""), symlink("d", CANARY), ("d/e/f", "owned"), ("d/file", "owned")],
            [("d/", ""), ("d/file", "owned"), symlink("d/e", CANARY), ("d/e/file", "owned")],
        ],
        "a root that is a link": [[symlink(".", CANARY), ("file", "owned")]],
        "a root that is a link, once more": [[symlink("./", CANARY), ("file", "owned")], [symlink("/", CANARY)]],
        "a root that is climbed": [[symlink("..", CANARY), ("../file", "owned")]],
        "a root that is a file": [[file("./", "owned")]],
        "a link longer than a path": [[*_long_chain(), symlink("evil", "long/" * 16 + "../" * 400 + CANARY), *through]],
        "a hard link to an absolute name": [[hardlink("evil", f"{CANARY}/file")], [file("evil", "owned")]],
        "a hard link that climbs": [[hardlink("evil", "../canary/file"), file("evil", "owned")]],
        "a hard link through a link": [[symlink("s", CANARY), hardlink("evil", "s/file"), file("evil", "owned")]],
        "a hard link to a link": [[symlink("s", f"{CANARY}/file"), hardlink("evil", "s", mode=0o4777, uid=7)]],
        "a hard link named through a link": [[("f", "owned"), symlink("s", CANARY), hardlink("s/file", "f")]],
        "a hard link to a directory": [[("d/", ""), hardlink("evil", "d")], [hardlink("evil", "/")]],
        "a whiteout of what is above": [[(".wh...", "")], [("d/.wh...", "")], [("d/.wh..", "")]],
        "a whiteout of nothing": [[(".wh.", "")], [("d/.wh.", "")]],
        "a whiteout through a link": [[symlink("s", CANARY), ("s/.wh.file", ""), ("s/.wh.sub", "")]],
        "a whiteout through a link of an earlier layer": [[symlink("s", "../canary")], [("s/.wh.file", "")]],
        "a whiteout that climbs": [[("../canary/.wh.file", "")]],
        "a whiteout of a link": [[symlink("s", CANARY)], [(".wh.s", "")]],
        "an opaque link": [[symlink("s", CANARY)], [opaque("s")]],
        "an opaque directory above": [[opaque("..")], [opaque("../canary")], [(f"{CANARY}/.wh..wh..opq", "")]],
        "an opaque directory with links in it": [[("d/", ""), symlink("d/s", CANARY), ("d/e/", "")], [opaque("d")]],
        "modes and owners through a link": [[symlink("s", f"{CANARY}/file", uid=7, mtime=3)]],
        "attributes through a link": [[symlink("s", f"{CANARY}/file", pax={"SCHILY.xattr.trusted.x": b"1"})]],
        "a directory's mode through a link": [[symlink("s", CANARY)], [directory("s/", 0o000, uid=7)]],
        "a directory in the place of a link in the way": [[symlink("s", CANARY), directory("s/sub", 0o000)]],
        "a device through a link": [[symlink("s", CANARY), device("s/file", 1, 3), fifo("s/pipe")]],
        "a device over a link": [[symlink("s", f"{CANARY}/file"), device("s", 1, 3, mode=0o000)]],
        "a FIFO and then a file": [[fifo("p"), ("p", "content")], [fifo("q")], [("q", "content")]],
        "a FIFO as a directory": [[fifo("p"), ("p/file", "content")]],
        "devices with numbers that wrap": [[device("d", 1 << 12, 0)], [device("d", 0, 1 << 20)]],
        "owners that nobody is": [[file("f", uid=(1 << 32) - 1)], [file("f", gid=-1)]],
        "links in a circle": [[symlink("a", "b"), symlink("b", "a"), ("a/file", "owned")]],
        "a link to itself": [[symlink("a", "a"), ("a/file", "owned"), ("a/.wh.x", "")]],
        "a link without a target": [[make_entry(b"a", b"2")]],
        "links into /proc": [[symlink("evil", "/proc/self/root"), *through], [symlink("e", "/proc/self/cwd/..")]],
        "names longer than any file system takes": [[("x" * 300, "")], [("d/" * 3000 + "f", "")]],
        "names with bytes that terminals obey": [[("\x1b]0;x\x07\r\n‮", ""), make_entry(b"\x80\xff/\n", body=b"x")]],
    }


def _long_chain() -> list[Member]:
    """Each link leads through the one before 16 times: written out, far longer than any path."""
    links: list[Member] = [("x/", ""), symlink("l0", "x/..")]
    links += [symlink(f"l{number}", f"l{number - 1}/" * 16) for number in range(1, 8)]
    return [*links, symlink("long", "l7")]


def aimed(layers: Sequence[Sequence[Member]], canary: Path) -> list[Layer]:
    return [[_aimed(member, str(canary)) for member in layer] for layer in layers]


def _aimed(member: Member, canary: str) -> Member:
    if isinstance(member, tuple):
        return (member[0].replace(CANARY, canary), member[1])
    name, linkname = (text.replace(CANARY.encode(), canary.encode()) for text in (member.name, member.linkname))
    return member.replaced(name=name, linkname=linkname)


def try_out(place: Path, layers: Sequence[Sequence[Member]], way: str, **options: object) -> bool:
    """Unpack beside a canary, one layer by one as long as none is refused; whether none was."""
    canary = place / "canary"
    (canary / "sub").mkdir(parents=True)
    (canary / "file").write_text("untouched")
    (canary / "sub/file").write_text("untouched")
    before = snapshot(canary)
    accepted = True
    try:
        unpack(place / "root", *aimed(layers, canary), open_in=WAYS[way], **options)
    except OccystrapError as error:
        assert str(error).isprintable()
        accepted = False
    assert snapshot(canary) == before
    assert sorted(os.listdir(place)) == ["canary", "root"]
    assert _inodes(canary).isdisjoint(_inodes(place / "root"))
    return accepted


def _inodes(root: Path) -> set[int]:
    return {path.lstat().st_ino for path in root.rglob("*")}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("attack", attacks())
def test_nothing_outside_is_touched(tmp_path, attack, way):
    before = snapshot(Path("/etc/passwd").parent / "apt") if Path("/etc/apt").exists() else None
    for number, option in enumerate(({}, {"privileged": False}, {"overlay": True})):
        if option.get("overlay") and os.geteuid():
            continue
        try_out(_place(tmp_path, number), attacks()[attack], way, **option)
    assert before == (snapshot(Path("/etc/apt")) if before else None)


def _place(tmp_path: Path, number: int) -> Path:
    place = tmp_path / str(number)
    place.mkdir()
    return place


ACCEPTED = {
    "absolute names", "a file through an absolute link", "a link of an earlier layer", "a file over a link",
    "a file over a link of an earlier layer", "a directory over a link", "a directory turned link and back",
    "a hard link to a link", "a hard link named through a link", "a whiteout through a link",
    "a whiteout of a link", "an opaque link", "an opaque directory with links in it", "modes and owners through a link",
    "attributes through a link", "a directory's mode through a link", "a directory in the place of a link in the way",
    "a device through a link", "a device over a link", "a FIFO and then a file", "a FIFO as a directory",
    "links into /proc", "names with bytes that terminals obey", "a file through a relative link",
    "a chain of links", "two links that meet", "a whiteout through a link of an earlier layer",
}  # fmt: skip
"""What images of real builders could have as well: it means something inside the root."""


@pytest.mark.parametrize("attack", attacks())
def test_what_has_a_meaning_inside_the_root_is_not_refused(tmp_path, attack):
    place = _place(tmp_path, 0)
    refused = not all(_place_and_try(place, number, layers) for number, layers in enumerate([attacks()[attack]]))
    assert refused == (attack not in ACCEPTED)


def _place_and_try(place: Path, number: int, layers: Sequence[Sequence[Member]]) -> bool:
    return try_out(_place(place, number), layers, "openat2")


@pytest.mark.parametrize(
    "member",
    [
        ("../x", ""),
        ("a/../../x", ""),
        symlink(".", "/etc"),
        symlink("/", "/etc"),
        symlink("", "/etc"),
        symlink("..", "/etc"),
        hardlink("a", "../../etc/passwd"),
        hardlink(".", "a"),
        (".wh.", ""),
        (".wh..", ""),
        (".wh...", ""),
        device("d", 4096, 0),
        file("f", uid=-1),
    ],
    ids=lambda member: member[0] if isinstance(member, tuple) else f"{member.name!r} -> {member.linkname!r}",
)
def test_what_has_no_meaning_inside_is_refused(tmp_path, member):
    with pytest.raises(InvalidImage):
        unpack(tmp_path / "root", [("a", ""), member])


def test_all_attacks_write_nothing_else_in_a_machine_of_their_own(tmp_path):
    """Everything but the target is mounted read-only: a write that went astray would be refused by the kernel."""
    peers.require("unshare", "mount")
    peers.require_root("a mount namespace")
    script = f"""
set -e
mount --make-rprivate /
for point in $(cut -d' ' -f5 /proc/self/mountinfo | sort -r); do
    mount -o remount,bind,ro $point 2>/dev/null || true
done
mount -t tmpfs none {tmp_path}
! touch /tmp/x /dev/shm/x 2>/dev/null
exec {sys.executable} -B -m tests.rootfs.test_hostile_layers {tmp_path}
"""
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], cwd=peers.REPOSITORY_ROOT, capture_output=True, timeout=100
    )
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) == 2 * len(attacks())
    assert os.listdir(tmp_path) == []


def test_a_sparse_file_beyond_all_measure_is_refused(tmp_path):
    pax = {"GNU.sparse.major": b"0", "GNU.sparse.minor": b"1", "GNU.sparse.name": b"big", "GNU.sparse.map": b"0,1"}
    pax |= {"GNU.sparse.numblocks": b"1", "GNU.sparse.size": b"%d" % (1 << 50)}
    with pytest.raises(LimitExceeded, match="sparse file"):
        unpack(tmp_path / "root", [make_entry(b"big", body=b"x", pax=pax)])


def test_a_terabyte_of_holes_takes_no_room(tmp_path):
    pax = {"GNU.sparse.major": b"0", "GNU.sparse.minor": b"1", "GNU.sparse.name": b"big", "GNU.sparse.map": b"5,1"}
    pax |= {"GNU.sparse.numblocks": b"1", "GNU.sparse.size": b"%d" % (1 << 40)}
    unpack(tmp_path / "root", [make_entry(b"big", body=b"x", pax=pax)])
    status = (tmp_path / "root/big").stat()
    assert (status.st_size, status.st_blocks < 100) == (1 << 40, True)


def test_many_small_files_cost_the_same_each(tmp_path):
    """The number of descriptors and what is remembered must not grow with the number of files."""
    before = len(os.listdir("/proc/self/fd"))
    members = [(f"{number % 500}/{number}", "") for number in range(5000)]
    unpack(tmp_path / "root", layer_tar(*members))
    assert len(names(tmp_path / "root")) == 5500
    assert len(os.listdir("/proc/self/fd")) == before
    assert stat.S_ISDIR((tmp_path / "root/499").stat().st_mode)


if __name__ == "__main__":
    tried = 0
    for number, layers in enumerate(attacks().values()):
        for way in WAYS:
            place = Path(sys.argv[1]) / f"{number}{way}"
            place.mkdir()
            try_out(place, layers, way)
            tried += 1
    print(tried)


@pytest.mark.parametrize(("name", "named"), [("", "an entry without a name"), (".", "."), ("./", "./")])
def test_what_would_take_the_place_of_the_root_is_named(tmp_path, name, named):
    with pytest.raises(InvalidImage) as refused:
        unpack(tmp_path / "root", [symlink(name, CANARY)])
    assert str(refused.value).startswith(f"{named} would take the place of the image's root")
