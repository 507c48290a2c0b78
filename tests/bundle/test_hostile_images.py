"""Damaged and hostile layers on their way to a disk: refused in one line with nothing left, or unpacked harmlessly.

What layers try against the files around a root is in tests/rootfs/test_hostile_layers.py.
"""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard

from occystrap_core.kit.rootfs.overlay import mounted_at, unmount_overlay
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import BuiltImage, build_image
from occystrap_core.testing.layers import device, directory, file, hardlink, layer_tar, symlink
from tests import peers
from tests.end_to_end.images import write_layout
from tests.end_to_end.test_hostile_images import SPARSE, checksummed, member, with_blob
from tests.peers import run_cli
from tests.rootfs.trees import names

DESTINATIONS = {
    "oci": ("oci://{}", "rootfs"),
    "mounts": ("mounts://{}", "rootfs"),
    "dir": ("dir://{}?expand=true", "manifest"),
}
LAYER = layer_tar(directory("etc"), file("etc/motd", "hello\n" * 200))


@pytest.fixture(params=DESTINATIONS)
def kind(request):
    if request.param == "mounts":
        peers.require_root("overlay mounts")
    return request.param


@pytest.fixture
def out(tmp_path):
    path = tmp_path / "out"
    yield path
    if mounted_at(path / "rootfs"):
        unmount_overlay(path)


def write(kind: str, out: Path, image: BuiltImage) -> peers.Result:
    shutil.rmtree(out.parent / "in", ignore_errors=True)
    source = write_layout(out.parent / "in", image)
    return run_cli("process", source, DESTINATIONS[kind][0].format(out), "--verify-full")


def refused(kind: str, out: Path, image: BuiltImage) -> str:
    done = write(kind, out, image)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1), done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr[:-1].isprintable()
    assert os.listdir(out.parent) == ["in"]
    return done.stderr


def unpacked(kind: str, out: Path, image: BuiltImage) -> Path:
    done = write(kind, out, image)
    assert done.returncode == 0, done.stderr
    return out / DESTINATIONS[kind][1]


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


# Row 24: damaged streams


def damaged() -> dict[str, BuiltImage]:
    packed, zstd = gzip.compress(LAYER), zstandard.ZstdCompressor(write_checksum=True).compress(LAYER)
    return {
        "gzip cut short": with_blob(LAYER, packed[: len(packed) // 2]),
        "gzip without its end": with_blob(LAYER, packed[:-8]),
        "gzip with another checksum": with_blob(LAYER, flipped(packed, len(packed) - 8)),
        "gzip and then something": with_blob(LAYER, packed + b"trailing garbage"),
        "gzip and half another member": with_blob(LAYER, packed + packed[:20]),
        "zstd cut short": with_blob(LAYER, zstd[: len(zstd) // 2], Compression.ZSTD),
        "zstd with another checksum": with_blob(LAYER, flipped(zstd, len(zstd) - 1), Compression.ZSTD),
        "zstd and then something": with_blob(LAYER, zstd + b"trailing garbage", Compression.ZSTD),
        "tar cut short": build_image([LAYER[:700]]),
        "a header with a wrong sum": build_image([LAYER[:100] + b"\xff" + LAYER[101:]]),
        "garbage between two entries": build_image([LAYER[:512] + b"\xee" * 512 + LAYER[512:]]),
        "another layer than the config says": with_blob(LAYER, gzip.compress(layer_tar(("other", "")))),
    }


@pytest.mark.parametrize("harm", damaged())
def test_a_damaged_layer_is_refused_and_leaves_nothing(out, harm):
    refused("oci", out, damaged()[harm])


@pytest.mark.parametrize("harm", ["gzip cut short", "tar cut short", "another layer than the config says"])
def test_so_it_is_everywhere(kind, out, harm):
    refused(kind, out, damaged()[harm])


def test_members_frames_and_skippable_frames_are_read_to_the_last(kind, out):
    half = len(LAYER) // 2
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
    frames = [zstandard.ZstdCompressor().compress(part) for part in (LAYER[:half], LAYER[half:])]
    images = {
        "gzip": with_blob(LAYER, gzip.compress(LAYER[:half]) + gzip.compress(LAYER[half:])),
        "zstd": with_blob(LAYER, skippable + frames[0] + skippable + frames[1] + skippable, Compression.ZSTD),
    }
    for image in images.values():
        assert (unpacked(kind, out, image) / "etc/motd").read_text() == "hello\n" * 200
        if mounted_at(out / "rootfs"):
            unmount_overlay(out)


# Rows 16 to 20: too much of something


def test_a_bomb_is_refused_by_the_name_of_its_limit(out):
    zeros = bytes(1 << 20)
    packer = zstandard.ZstdCompressor(level=19).compressobj()
    header = bytearray(file("zeros", "").raw)
    header[124:136] = b"%011o\0" % (2 << 30)
    blob = packer.compress(checksummed(header)) + b"".join(packer.compress(zeros) for _ in range(1100)) + packer.flush()
    started = time.monotonic()
    assert "1100 times" in refused("oci", out, with_blob(b"", blob, Compression.ZSTD))
    assert time.monotonic() - started < 60


def test_a_window_of_two_gigabytes_is_refused(kind, out):
    frame = b"\x28\xb5\x2f\xfd" + bytes([0x00, (31 - 10) << 3]) + b"\x01\x00\x00"
    refused(kind, out, with_blob(b"", frame, Compression.ZSTD))


@pytest.mark.parametrize("flag", [b"x", b"g", b"L", b"K"])
def test_a_header_that_claims_gigabytes_is_refused(out, flag):
    claiming = bytearray(member("claim", b"10 path=a\n"))
    claiming[124:136] = b"%011o\0" % (5 << 30)
    claiming[156:157] = flag
    refused("oci", out, build_image([checksummed(claiming)]))


@pytest.mark.parametrize("size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"-0000000001\0", b"77777777777\0"])
def test_sizes_that_cannot_be_are_refused(out, size):
    header = bytearray(make_entry(b"a", body=b"x").raw)
    header[124:136] = size
    refused("oci", out, build_image([checksummed(header) + bytes(2048)]))


def test_a_sparse_map_without_end_is_refused(out):
    body = b"300000\n" + b"".join(b"%d\n1\n" % (2 * n) for n in range(300_000))
    assert "sparse" in refused("oci", out, build_image([member("x", body, **SPARSE, realsize=600_000) + bytes(1024)]))


# Row 21: very many, very deep


def test_directories_nested_far_beyond_a_path_are_unpacked_verified_and_replaced(kind, out):
    deep = "/".join(["d"] * 1900)
    image = build_image([layer_tar((f"{deep}/f", "")), layer_tar((f"{deep}/g", ""), hardlink("top", f"{deep}/f"))])
    try:
        for _ in range(2):
            unpacked(kind, out, image)
            if mounted_at(out / "rootfs"):
                unmount_overlay(out)
        assert sorted(os.listdir(out.parent)) == ["in", "out"]
    finally:
        peers.run_tool("rm", "-rf", str(out))  # shutil's recursion does not get to the bottom of it


# Row 12: devices


def test_a_raw_whiteout_device_is_none_and_is_told(kind, out):
    """In an overlay's layer, too: it takes the place of what was there, and hides nothing else."""
    peers.require_root("making devices")
    layers = [layer_tar(file("x", "1"), file("kept", "2")), layer_tar(device("x", 0, 0), device("y", 0, 0))]
    done = write(kind, out, build_image(layers))
    assert done.returncode == 0, done.stderr
    assert names(out / DESTINATIONS[kind][1]) == {"kept"}
    assert "2 0:0 character devices were skipped" in done.stderr


# Row 13: what gives rights away


def test_setuid_and_capabilities_are_kept_and_told_once(kind, out):
    peers.require_root("capabilities")
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    layers = [
        layer_tar(file("su", "x", mode=0o4755), directory("shared", 0o2775), file("wall", "x", mode=0o2755, gid=5)),
        layer_tar(file("ping", "x", mode=0o755, xattrs={"security.capability": capability})),
    ]
    done = write(kind, out, build_image(layers))
    assert done.returncode == 0, done.stderr
    root = out / DESTINATIONS[kind][1]
    assert stat.S_IMODE((root / "su").stat().st_mode) == 0o4755
    assert stat.S_IMODE((root / "wall").stat().st_mode) == 0o2755
    assert os.getxattr(root / "ping", "security.capability") == capability
    (line,) = [line for line in done.stderr.splitlines() if "files are setuid" in line]
    assert "2 files are setuid or setgid" in line
    (line,) = [line for line in done.stderr.splitlines() if "files have" in line]
    assert "1 files have capabilities" in line


# Row 15: names that mean something to mount(8)


@pytest.mark.parametrize("called", ["a:b", "a,b", "a\\b", 'a"b', "a=b,ro", "a b\tc", "$(x)", "é", "-o", "a\nb"])
def test_a_directory_of_any_name_is_mounted(tmp_path, called):
    peers.require_root("overlay mounts")
    folder = tmp_path / called
    folder.mkdir()
    source = write_layout(tmp_path / "in", build_image([LAYER, layer_tar(("top", ""))]))
    done = run_cli("process", source, f"mounts://{quote(str(folder / called))}", "--verify-full")
    try:
        assert done.returncode == 0, done.stderr
        assert names(folder / called / "rootfs") == {"etc/", "etc/motd", "top"}
        assert run_cli("unmount", "--", str(folder / called)).returncode == 0
        assert not mounted_at(folder / called / "rootfs")
    finally:
        if mounted_at(folder / called / "rootfs"):
            unmount_overlay(folder / called)


# Row 23: names


def test_names_that_look_alike_stay_two_files(kind, out):
    spelled = [b"nfd e\xcc\x81", b"nfc \xc3\xa9", b"nfc e\xcc\x81", b"Case", b"case", b"latin\xe9", b"x" * 255]
    image = build_image([layer_tar(*(make_entry(name, body=name) for name in spelled))])
    root = unpacked(kind, out, image)
    assert sorted(os.listdir(os.fsencode(root))) == sorted(spelled)
    assert all((Path(os.fsdecode(os.path.join(os.fsencode(root), name)))).read_bytes() == name for name in spelled)


@pytest.mark.parametrize("name", [b"\x1b[2J/../../x", b"line\nbreak/../../../x", b"\xe2\x80\xae/../../x"])
def test_names_in_errors_cannot_harm_a_terminal(out, name):
    assert "leads out of the image's root" in refused("oci", out, build_image([layer_tar(make_entry(name, body=b"x"))]))


def test_a_chain_of_links_longer_than_the_kernel_follows_is_refused(kind, out):
    links = [symlink(f"l{number}", f"l{number + 1}") for number in range(60)]
    refused(kind, out, build_image([layer_tar(*links, ("l0/file", "x"))]))
