"""Every tar in the fixture collection: Go's archive/tar said what is in it, or refused it."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import zstandard

from occystrap_core.model.errors import InvalidTar
from occystrap_core.streams.tar import GLOBAL, TarEntry, TarReader, expanded
from tests import peers
from tests.tar.blocks import again, cut

_HASHED_UP_TO = 64 << 20
_BODILESS = frozenset(b"123456")
_GO_LISTED = 400  # entries of one archive, at most
_OUR_KIND = {b"S": b"0", b"7": b"0"}


def _lines(name: str) -> list[dict[str, Any]]:
    try:
        text = (peers.fixtures_directory() / name).read_text()
    except (pytest.skip.Exception, pytest.fail.Exception):
        return []
    return [json.loads(line) for line in text.splitlines()]


EXPECTED = _lines("EXPECTED.jsonl")
GO = {line["path"]: line for line in _lines("go_listing.jsonl")}
LAYERS = [line for line in EXPECTED if line["kind"] == "layer-tar"]
ACCEPTED = [line["path"] for line in LAYERS if line["expect"] == "accept"]
REFUSED = [line["path"] for line in LAYERS if line["expect"] == "reject"]
ARCHIVES = [line["path"] for line in EXPECTED if ".tar" in line["path"] and line["kind"] != "layer-tar"]


@cache
def unpacked(path: str) -> bytes:
    data = (peers.fixtures_directory() / path).read_bytes()
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"BZh"):
        return bz2.decompress(data)
    if data.startswith(b"\xfd7zXZ"):
        return lzma.decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


def _as_go_tells(entry: dict[str, Any]) -> tuple[object, ...]:
    name = base64.b64decode(entry["NameB64"]) if "NameB64" in entry else entry["Name"].encode()
    kind = entry["Type"].encode()
    numbers = [entry[key] for key in ("Size", "Mode", "UID", "GID", "Mtime")]
    device = (entry.get("Maj", 0), entry.get("Min", 0))
    return name, _OUR_KIND.get(kind, kind), entry["Link"].encode(), *numbers, device, entry.get("Sha")


def _as_we_read(entry: TarEntry) -> tuple[object, ...]:
    numbers = (entry.size, entry.mode, entry.uid, entry.gid, int(entry.mtime // 1))
    return entry.name, entry.kind, entry.linkname, *numbers, entry.device, _sha256(entry)


def _sha256(entry: TarEntry) -> str | None:
    """As in the listing: of the expanded content, where there is any."""
    if not 0 < entry.size <= _HASHED_UP_TO or entry.kind[0] in _BODILESS:
        return None
    hasher = hashlib.sha256()
    for piece in expanded(entry):
        hasher.update(piece)
    return hasher.hexdigest()


def test_there_are_archives_to_compare(fixtures_dir: Path) -> None:
    assert len(ACCEPTED) > 90
    assert len(REFUSED) > 10
    assert len(ARCHIVES) > 30


@pytest.mark.parametrize("path", ACCEPTED)
def test_we_read_what_go_reads(path: str) -> None:
    """Go counts PAX global headers as entries, as we do; they are left out of its listing."""
    total, found = 0, []
    for entry in TarReader(cut(unpacked(path), 5000)):
        total += 1
        if entry.kind != GLOBAL:
            found.append(_as_we_read(entry))

    assert found[:_GO_LISTED] == [_as_go_tells(entry) for entry in GO[path]["entries"]]
    assert total == GO[path]["total"]


@pytest.mark.parametrize("path", ACCEPTED)
def test_the_pax_records_are_those_that_go_reports(path: str) -> None:
    told = [entry.get("Pax", {}) for entry in GO[path]["entries"]]
    found = [
        {key: value.decode("utf-8", "replace") for key, value in entry.pax.items()}
        for entry in TarReader([unpacked(path)])
        if entry.kind != GLOBAL
    ]

    assert found[:_GO_LISTED] == told


@pytest.mark.parametrize("path", REFUSED)
def test_we_refuse_what_go_refuses(path: str) -> None:
    with pytest.raises(InvalidTar):
        for _ in TarReader(cut(unpacked(path), 5000)):
            pass


@pytest.mark.parametrize("path", [*ACCEPTED, *ARCHIVES])
def test_what_nobody_touches_comes_out_byte_for_byte(path: str) -> None:
    data = unpacked(path)

    assert again(data) == data


@pytest.mark.parametrize("path", ACCEPTED)
def test_how_the_bytes_arrive_makes_no_difference(path: str) -> None:
    data = unpacked(path)
    size = 1 if len(data) < 1 << 14 else 509

    assert again(data, size) == data
