"""Archives that are broken, or made to harm."""

from __future__ import annotations

import gzip
import json
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from occystrap_core.contracts.entry import DIRECTORY
from occystrap_core.engine.source_tree import read_tree
from occystrap_core.kit.docker_archive import scan
from occystrap_core.kit.docker_archive.header import header
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import (
    CorruptStream,
    DigestMismatch,
    InvalidDigest,
    InvalidImage,
    InvalidJson,
    InvalidTar,
    LimitExceeded,
    NotFound,
    OccystrapError,
    UsageError,
)
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import Member, directory, fifo, hardlink, layer_tar, symlink
from tests.tar_archive.archives import (
    EVERYTHING,
    LAYER,
    OTHER_LAYER,
    config_of,
    manifest_json,
    opened,
    read_back,
    saved,
    write_archive,
    write_saved,
)

CONFIG = ("c", config_of(LAYER))
LISTED = manifest_json(saved("c", ["l"]))


def refuses(path: Path, error: type[OccystrapError], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        source = opened(path)
        try:
            source.root()
        finally:
            source.close()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "error", "match"),
    [
        (b"null", InvalidImage, "lists no image"),
        (b"[]", InvalidImage, "lists no image"),
        (b"{}", InvalidImage, "lists no image"),
        (b"[null]", InvalidImage, "must be a JSON object"),
        (b"[{}]", InvalidImage, "names no Config"),
        (b'[{"Config":7,"Layers":["l"]}]', InvalidImage, "names no Config"),
        (b'[{"Config":"c","Layers":"l"}]', InvalidImage, "Layers must be a list"),
        (b'[{"Config":"c","Layers":[7]}]', InvalidImage, "Layers must be a list of strings"),
        (b'[{"Config":"c","Layers":["l"],"RepoTags":[{}]}]', InvalidImage, "RepoTags must be a list"),
        (b'[{"Config":"c","config":"d","Layers":["l"]}]', InvalidJson, "readers disagree"),
        (b'[{"Config":"c","Layers":["l"],"LAYERS":["m"]}]', InvalidJson, "readers disagree"),
        (b'[{"Config":"c","Config":"d","Layers":["l"]}]', InvalidJson, "twice"),
        (b"[" * 5000 + b"]" * 5000, InvalidJson, "nested deeper"),
        (b"not json", InvalidJson, "not valid JSON"),
        (b"\xff\xfe[\x00]\x00", InvalidJson, "not UTF-8"),
        (b" " * (5 << 20) + b"[]", LimitExceeded, "the limit is"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_manifest_json_that_is_none(tmp_path: Path, content: bytes, error: type[OccystrapError], match: str) -> None:
    refuses(write_archive(tmp_path / "a.tar", CONFIG, ("l", LAYER), ("manifest.json", content)), error, match)


@pytest.mark.parametrize("name", ["manifest.json", "./manifest.json"])
def test_two_manifest_json_are_one_too_many(tmp_path: Path, name: str) -> None:
    other = manifest_json(saved("c", []))[1]
    path = write_archive(tmp_path / "a.tar", CONFIG, ("l", LAYER), LISTED, (name, other))
    refuses(path, InvalidImage, "'manifest.json' twice")


def test_two_configs_of_one_name_are_one_too_many(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.tar", CONFIG, ("c", config_of(OTHER_LAYER)), ("l", LAYER), LISTED)
    refuses(path, InvalidImage, "'c' twice")


def test_two_layers_of_one_name_are_told_apart_by_the_digest(tmp_path: Path) -> None:
    """Older occystraps wrote a layer that is listed twice two times."""
    assert read_back(write_archive(tmp_path / "a.tar", CONFIG, ("l", LAYER), ("l", LAYER), LISTED)).layers == (LAYER,)
    forged = write_archive(tmp_path / "b.tar", CONFIG, ("l", LAYER), ("l", OTHER_LAYER), LISTED)
    with pytest.raises(DigestMismatch):
        read_back(forged)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "missing", "\ud800", "l/../l", ""])
def test_a_layer_is_looked_for_inside_only(tmp_path: Path, name: str) -> None:
    path = write_archive(tmp_path / "a.tar", CONFIG, ("l", LAYER), manifest_json(saved("c", [name])))
    refuses(path, InvalidImage, "which manifest.json names as a layer")


def test_a_config_is_looked_for_inside_only(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.tar", ("l", LAYER), manifest_json(saved("/etc/hostname", ["l"])))
    refuses(path, InvalidImage, "which manifest.json names as config")


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ([symlink("l", "/etc/passwd")], "leads out of the archive"),
        ([symlink("l", "../outside")], "leads out of the archive"),
        ([symlink("a/l", "../../outside"), symlink("l", "a/l")], "leads out of the archive"),
        ([symlink("l", "l")], "do not end"),
        ([symlink("l", "m"), hardlink("m", "l")], "do not end"),
        ([symlink("l", "nowhere")], "names as a layer"),
        ([directory("l")], "neither a file nor a link"),
        ([fifo("l")], "neither a file nor a link"),
        ([symlink("l", "d"), directory("d")], "neither a file nor a link"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_links_lead_to_members_of_the_archive_only(tmp_path: Path, members: list[Member], match: str) -> None:
    refuses(write_archive(tmp_path / "a.tar", CONFIG, LISTED, *members), InvalidImage, match)


@pytest.mark.parametrize("name", ["manifest.json", "c"])
def test_documents_are_no_links(tmp_path: Path, name: str) -> None:
    members = [member for member in (CONFIG, LISTED) if member[0] != name]
    path = write_archive(tmp_path / "a.tar", *members, ("x", b"[]"), symlink(name, "x"), ("l", LAYER))
    refuses(path, InvalidImage, f"'{name}' is a symbolic link")


@pytest.mark.parametrize(
    ("config", "error", "match"),
    [
        (b'{"os":"linux"}', InvalidImage, "no rootfs.diff_ids"),
        (b'{"rootfs":[]}', InvalidImage, "no rootfs.diff_ids"),
        (b'{"rootfs":{"diff_ids":null}}', InvalidImage, "no rootfs.diff_ids"),
        (b'{"rootfs":{"diff_ids":[]}}', InvalidImage, "lists 1 layers, the config 0 diff_ids"),
        (config_of(LAYER, LAYER), InvalidImage, "lists 1 layers, the config 2 diff_ids"),
        (b'{"rootfs":{"diff_ids":["sha256:../../x"]}}', InvalidDigest, "is not a digest"),
        (b'{"rootfs":{"diff_ids":[7]}}', InvalidDigest, "must be a string"),
        (b'{"rootfs":{"diff_ids":[]},"Rootfs":1}', InvalidJson, "readers disagree"),
        (b"[]", InvalidJson, "must be a JSON object"),
        (b"{" + b" " * (5 << 20) + b"}", LimitExceeded, "the limit is"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_config_that_is_none(tmp_path: Path, config: bytes, error: type[OccystrapError], match: str) -> None:
    refuses(write_saved(tmp_path / "a.tar", LAYER, config=config), error, match)


def test_a_layer_with_other_content_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(DigestMismatch):
        read_back(write_saved(tmp_path / "a.tar", OTHER_LAYER, config=config_of(LAYER)))


def test_a_compressed_layer_with_other_content_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        read_back(write_saved(tmp_path / "a.tar", gzip.compress(OTHER_LAYER), config=config_of(LAYER)))


def test_a_blob_that_is_not_what_it_is_called_is_noticed(tmp_path: Path) -> None:
    name = f"blobs/sha256/{Digest.of(b'another').hex}"
    path = write_archive(tmp_path / "a.tar", CONFIG, (name, gzip.compress(LAYER)), manifest_json(saved("c", [name])))
    with pytest.raises(DigestMismatch):
        read_back(path)


def test_a_layer_in_a_compression_that_images_do_not_use(tmp_path: Path) -> None:
    path = write_saved(tmp_path / "a.tar", lzma.compress(LAYER), config=config_of(LAYER))
    refuses(path, InvalidImage, "is compressed with xz")


def test_a_sparse_layer_is_refused(tmp_path: Path) -> None:
    sparse = tarfile.TarInfo("l")
    sparse.size = 5
    said = {"major": "0", "minor": "1", "numblocks": "1", "map": "0,5", "size": "500"}
    sparse.pax_headers = {f"GNU.sparse.{key}": value for key, value in said.items()}
    entry = sparse.tobuf(tarfile.PAX_FORMAT) + b"12345".ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(entry + layer_tar(CONFIG, LISTED))
    refuses(tmp_path / "a.tar", InvalidImage, "sparse file")


# The archive as such


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "neither manifest.json nor index.json"),
        (bytes(10240), "neither manifest.json nor index.json"),
        (b"#!/bin/sh\nexit 1\n" * 100, "does not begin like a tar file"),
        (LAYER, "neither manifest.json nor index.json"),
        (gzip.compress(b"hello" * 1000), "does not begin like a tar file"),
    ],
    ids=["empty", "zeros", "script", "a layer", "compressed text"],
)
def test_what_is_no_image_archive(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    refuses(path, InvalidImage, f"{path}.* is not an image archive.*{match}")


def test_an_archive_of_docker_before_1_10(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.tar", ("repositories", b"{}"), ("x/layer.tar", LAYER))
    refuses(path, InvalidImage, "older than 1.10")


def test_an_archive_that_is_cut_short(tmp_path: Path) -> None:
    """Wherever it is cut: refused, unless only the end mark of the archive is gone."""
    whole = write_saved(tmp_path / "whole.tar", LAYER, OTHER_LAYER).read_bytes()
    entries_end = len(whole) - 1024
    path = tmp_path / "cut.tar"
    for length in range(1, len(whole), 97):
        path.write_bytes(whole[:length])
        if length >= entries_end - 511:  # the padding of the last member and what follows
            continue
        with pytest.raises((InvalidImage, InvalidTar)):
            opened(path)
    path.write_bytes(whole[:entries_end])
    assert read_back(path).layers == (LAYER, OTHER_LAYER)


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress], ids=["gz", "xz"])
def test_a_compressed_archive_that_is_damaged(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    squeezed = compress(write_saved(tmp_path / "a.tar", LAYER, OTHER_LAYER).read_bytes())
    flipped = bytearray(squeezed)
    flipped[len(squeezed) // 2] ^= 0xFF
    for broken in (squeezed[:-9], squeezed[: len(squeezed) // 2], bytes(flipped), squeezed + b"garbage that follows"):
        (tmp_path / "b.tar").write_bytes(broken)
        refuses(tmp_path / "b.tar", CorruptStream, "damaged|cut short")


def test_a_header_that_claims_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(header("l", 1 << 50) + bytes(1024))
    refuses(path, InvalidTar, "is cut short inside 'l'")


def test_a_header_whose_extensions_have_no_end(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type = tarfile.GNUTYPE_LONGNAME
    path.write_bytes(long_name.tobuf(tarfile.GNU_FORMAT) * 20_000 + layer_tar(CONFIG))
    with pytest.raises(OccystrapError):
        opened(path)


def test_more_members_than_any_image_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_MEMBERS", 100)
    entries = [make_entry(b"d%d" % number, DIRECTORY) for number in range(101)]
    refuses(write_archive(tmp_path / "a.tar", *entries), LimitExceeded, "more than 100 members")


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = write_saved(tmp_path / "a.tar", LAYER * 200)
    source = opened(path)
    tree, _ = read_tree(source, EVERYTHING)
    layer = json.loads(source.document(tree.descriptor))["layers"][0]
    with path.open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(CorruptStream, match="became shorter"):
        for _ in source.blob(Descriptor.from_json(layer)):
            pass
    source.close()


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    refuses(tmp_path / "missing.tar", NotFound, "does not exist")
    refuses(tmp_path, UsageError, "is a directory")


def test_nothing_is_left_open_after_a_refusal(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.tar", ("manifest.json", b"null"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        refuses(path, InvalidImage, "lists no image")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_names_reach_a_person_without_control_characters(tmp_path: Path) -> None:
    path = write_saved(tmp_path / "a.tar", LAYER, tags=["a\x1b[2J:b", "c\nd:e"])
    source = opened(path)
    assert source.notes()[0].isprintable()
    source.close()
    with pytest.raises(NotFound) as caught:
        opened(path, "nobody")
    assert str(caught.value).isprintable()
