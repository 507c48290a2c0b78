"""The archive is opened again after the write: what would the verifier have seen?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.contracts import Depth, Finding, Severity, Written
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.streams.tar import TarReader, make_entry
from occystrap_core.testing.build import build_image, build_layer, layer_tar
from occystrap_outputs.tar.verifier import TarVerifier
from tests.tar_archive.archives import LAYER, OTHER_LAYER, messages, transfer

IMAGE = build_image([LAYER, OTHER_LAYER, LAYER], family=Family.OCI)
Members = list[tuple[str, bytes]]


@dataclass
class Tampering:
    """Does something to the archive before the verifier comes."""

    path: Path
    tamper: Callable[[Path], object]

    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        self.tamper(self.path)
        yield from TarVerifier().verify(written, depth)


@dataclass
class Removal:
    place: int
    gone: str = ""

    def __call__(self, members: Members) -> None:
        self.gone, _ = members.pop(self.place)


def findings_after(
    path: Path, edit: Callable[[Members], Members | None], depth: Depth = Depth.QUICK, **query: Any
) -> list[str]:
    """What is found when the members were edited in between."""

    def rewrite(path: Path) -> None:
        entries = [(entry.name.decode(), b"".join(map(bytes, entry.body))) for entry in TarReader([path.read_bytes()])]
        edited = edit(entries)
        path.write_bytes(layer_tar(*(entries if edited is None else edited)))

    outcome = transfer(IMAGE, path, depth=depth, verifier=Tampering(path, rewrite), **query)
    assert all(finding.severity is Severity.ERROR for finding in outcome.findings)
    return messages(outcome.findings)


def find(members: Members, end: str) -> int:
    return next(place for place, (name, _) in enumerate(members) if name.endswith(end))


def flipped(members: Members, place: int) -> None:
    name, body = members[place]
    members[place] = name, body[:-1] + bytes([body[-1] ^ 1])


@pytest.fixture(params=["docker", "oci"])
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tar"


@pytest.mark.parametrize("depth", list(Depth))
@pytest.mark.parametrize("compression", list(Compression))
def test_a_good_archive_has_no_findings(path: Path, format: str, depth: Depth, compression: Compression) -> None:
    assert findings_after(path, lambda members: None, depth, format=format, compression=str(compression)) == []


def test_no_member_can_be_missing(path: Path, format: str) -> None:
    count = {"docker": 4, "oci": 6}[format]
    for place in range(count):
        removal = Removal(place)
        found = findings_after(path, removal, format=format)
        assert f"verify.tarball: {removal.gone} is missing" in found


def test_no_member_may_stand_twice_or_be_strange(path: Path, format: str) -> None:
    found = findings_after(path, lambda members: [*members, members[0], ("stranger", b"")], format=format)
    assert any("is there 2 times" in finding for finding in found)
    assert "verify.tarball: stranger does not belong there" in found


def test_a_layer_of_another_size_is_found(path: Path, format: str) -> None:
    def lengthen(members: Members) -> None:
        members[1] = members[1][0], members[1][1] + b"x"

    (found,) = findings_after(path, lengthen, format=format)
    assert found.startswith("verify.layer: ") and "bytes long, not" in found


def test_a_flipped_bit_is_found_by_the_full_look_only(path: Path) -> None:
    assert findings_after(path, lambda members: flipped(members, 0)) == []
    found = findings_after(path, lambda members: flipped(members, 0), Depth.FULL)
    assert [finding.partition(":")[0] for finding in found] == ["verify.layer", "verify.layer"]
    assert "has the digest" in found[0] and "unpacks to" in found[1]


def test_a_flipped_bit_in_a_compressed_layer_is_found(path: Path) -> None:
    (found,) = findings_after(path, lambda members: flipped(members, 0), Depth.FULL, format="oci")
    assert "cannot be read" in found


def test_a_layer_that_another_verifier_has_read_is_not_read_again(path: Path) -> None:
    class ReadBefore:
        def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
            content = bytearray(path.read_bytes())
            content[700] ^= 1
            path.write_bytes(content)
            yield from TarVerifier().verify(written, depth)
            written.read_back.update(layer.blob.digest for image in written.images for layer in image.layers)
            assert list(TarVerifier().verify(written, depth)) == []

    found = messages(transfer(IMAGE, path, depth=Depth.FULL, verifier=ReadBefore()).findings)
    assert [finding.partition(":")[0] for finding in found] == ["verify.layer", "verify.layer"]


@pytest.mark.parametrize("member", ["manifest.json", "index.json", "oci-layout"])
def test_the_lists_of_contents_are_read(path: Path, member: str) -> None:
    def spoil(members: Members) -> None:
        members[find(members, member)] = member, b"[]"

    found = findings_after(path, spoil, format="docker" if member == "manifest.json" else "oci")
    assert f"verify.manifest: {member} does not say what it should" in found


def test_a_list_that_names_what_is_not_there_is_found(path: Path) -> None:
    def redirect(members: Members) -> None:
        place = find(members, "manifest.json")
        (entry,) = json.loads(members[place][1])
        entry["Layers"] = ["elsewhere/layer.tar", *entry["Layers"]]
        members[place] = "manifest.json", json.dumps([entry]).encode()

    found = findings_after(path, redirect)
    assert "verify.manifest: it names elsewhere/layer.tar, which is not there" in found
    assert "verify.manifest: it lists 1 images with 4 layers, not one with 3" in found


def test_a_document_with_other_content_is_found(path: Path, format: str) -> None:
    config = f"{IMAGE.config.digest.hex}.json" if format == "docker" else IMAGE.config.digest.hex
    (found,) = findings_after(path, lambda members: flipped(members, find(members, config)), format=format)
    assert found.startswith("verify.config: ") and "other content" in found


@pytest.mark.parametrize("length", [0, 700, 4000])
def test_a_truncated_archive_is_found(path: Path, format: str, length: int) -> None:
    damage = Tampering(path, lambda path: path.write_bytes(path.read_bytes()[:length]))
    found = messages(transfer(IMAGE, path, format=format, verifier=damage).findings)
    assert found and all(finding.startswith(("verify.tarball", "verify.manifest")) for finding in found)


def test_an_archive_that_vanished_is_found(path: Path) -> None:
    found = messages(transfer(IMAGE, path, verifier=Tampering(path, Path.unlink)).findings)
    assert found == [f"verify.tarball: the archive cannot be opened again: {path} does not exist"]


def test_a_config_whose_diff_ids_are_others_is_found(path: Path) -> None:
    """No engine writes this; the verifier compares what it was handed."""

    def verify(written: Written) -> Iterator[Finding]:
        (image,) = written.images
        swapped = replace(image, layers=tuple(reversed(image.layers[:2])) + image.layers[2:])
        yield from TarVerifier().verify(replace(written, images=(swapped,)), Depth.FULL)

    class Swapping:
        def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
            return verify(written)

    found = messages(transfer(IMAGE, path, verifier=Swapping()).findings)
    assert [finding for finding in found if "lists other diff_ids than its layers have" in finding]


def test_an_archive_of_other_members_is_read_like_ours(path: Path) -> None:
    """Other tools' headers are no finding: only names and content count."""

    def restamp(path: Path) -> None:
        entries = [(entry.name, b"".join(map(bytes, entry.body))) for entry in TarReader([path.read_bytes()])]
        path.write_bytes(layer_tar(*(make_entry(b"./" + name, body=body, mtime=7, uid=5) for name, body in entries)))

    assert messages(transfer(IMAGE, path, verifier=Tampering(path, restamp)).findings) == []


def test_the_diff_id_of_what_is_no_tar_is_nobodys_promise(path: Path) -> None:
    """Statements about images have configs too; the other destinations do not look at those diff_ids either."""
    statement = build_layer(b"{}", media_type="application/vnd.in-toto+json", compression=Compression.NONE)
    image = build_image([replace(statement, diff_id=Digest.of(b"something else"))], family=Family.OCI)
    assert messages(transfer(image, path, format="oci").findings) == []
