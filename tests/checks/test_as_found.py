"""Broken documents are judged by the rules about them, wherever they come from."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import DOCKER_MANIFEST, DOCKER_SCHEMA1, OCI_INDEX, OCI_MANIFEST
from occystrap_core.testing.build import file
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.checks.broken import image
from tests.checks.command import run_here
from tests.end_to_end.images import write_layout

IMAGE = image(file("etc/motd", "hello"))
RAW = IMAGE.manifest.raw
REMOVED = "application/vnd.oci.artifact.manifest.v1+json"


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(RAW), **fields}).encode()


ROOTS: dict[str, tuple[bytes, str, str]] = {
    "a key twice": (RAW.replace(b"{", b'{"schemaVersion":2,', 1), OCI_MANIFEST, "json-duplicate-key"),
    "a byte order mark": (b"\xef\xbb\xbf" + RAW, OCI_MANIFEST, "json-syntax"),
    "something after the end": (RAW + b"}", OCI_MANIFEST, "json-syntax"),
    "a page of HTML": (b"<html>log in</html>", "text/html", "json-syntax"),
    "nothing": (b"", OCI_MANIFEST, "json-syntax"),
    "the type of an index": (changed(mediaType=OCI_INDEX), OCI_MANIFEST, "media-type-field"),
    "another type than the server says": (RAW, DOCKER_MANIFEST, "media-type-field"),
    "manifests beside layers": (changed(manifests=[]), OCI_MANIFEST, "ambiguous-manifest"),
    "schema version 1": (changed(schemaVersion=1), OCI_MANIFEST, "schema1"),
    "schema 1 by its type": (RAW, sorted(DOCKER_SCHEMA1)[0], "media-type-field"),
    "a removed type": (changed(mediaType=REMOVED), REMOVED, "artifact-manifest-removed"),
    "too many bytes": (changed(annotations={"x": "y" * (5 << 20)}), OCI_MANIFEST, "manifest-too-big"),
}


def judged(uri: str, *options: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit code, and by rule what is no information."""
    ran = run_here("check", uri, "-O", "json", *options)
    assert ran.stdout, ran.stderr
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(ran.stdout)["results"]:
        if each["severity"] != "info":
            found.setdefault(each["check"], []).append(each)
    return ran.returncode, found


def served(raw: bytes, media_type: str, *faults: Fault, wanted: str = ":v1") -> tuple[int, dict[str, Any]]:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "thing", "v0")
        repository, digest = registry.store.repository("thing"), str(Digest.of(raw))
        repository.manifests[digest] = raw, media_type
        repository.tags["v1"] = digest
        for fault in faults:
            registry.fail(fault)
        return judged(f"registry://{registry.host}/thing{wanted}", "--insecure", "--retries", "0")


@pytest.mark.parametrize("case", ROOTS)
def test_what_a_registry_sends_is_judged_by_the_rules_about_documents(case: str) -> None:
    raw, media_type, rule = ROOTS[case]
    code, found = served(raw, media_type)
    assert rule in found, found
    assert not {"document-unreadable", "metadata"} & set(found)
    assert code == (1 if any(each["severity"] == "error" for each in found[rule]) else 0) or code == 1
    assert {each["where"].get("manifest") for each in found[rule]} == {str(Digest.of(raw))}


def test_other_bytes_than_were_asked_for_are_a_wrong_digest() -> None:
    wrong = str(Digest.of(RAW))
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "thing", "v1")
        registry.store.repository("thing").manifests[wrong] = RAW.replace(b"hello", b"jello") + b" ", OCI_MANIFEST
        code, found = judged(f"registry://{registry.host}/thing@{wrong}", "--insecure")
    assert (code, set(found)) == (1, {"manifest-digest"})
    code, found = served(RAW, OCI_MANIFEST, Fault("GET", "/manifests/", headers={"Docker-Content-Digest": CLAIMED}))
    assert (code, set(found)) == (1, {"manifest-digest"})


CLAIMED = f"sha256:{'0' * 64}"


def test_an_endless_manifest_is_a_finding_that_names_the_limit() -> None:
    code, found = served(b" " * (9 << 20), OCI_MANIFEST)
    assert code == 1
    assert set(found) == {"document-unreadable"}
    assert "8388608" in found["document-unreadable"][0]["message"]


def layout(path: Path, **index: object) -> str:
    uri = write_layout(path / "image", IMAGE)
    written = json.loads((path / "image" / "index.json").read_text())
    entry = index.pop("entry", {})
    assert isinstance(entry, Mapping)
    written["manifests"][0] |= entry
    (path / "image" / "index.json").write_text(json.dumps({**written, **index}))
    return uri


LISTS: dict[str, tuple[dict[str, Any], str]] = {
    "another size": ({"entry": {"size": len(RAW) + 7}}, "manifest-size"),
    "another platform": ({"entry": {"platform": {"os": "linux", "architecture": "arm64"}}}, "platform-mismatch"),
    "schema version 1": ({"schemaVersion": 1}, "schema-version"),
    "layers beside manifests": ({"layers": []}, "ambiguous-manifest"),
    "an annotation that is a number": ({"annotations": {"a": 5}}, "annotation-nonstring"),
    "a number in an entry's annotations": (
        {"entry": {"annotations": {"org.opencontainers.image.ref.name": "v1", "a": 5}}},
        "annotation-nonstring",
    ),
}


@pytest.mark.parametrize("case", LISTS)
def test_the_index_of_a_layout_is_judged(case: str, tmp_path: Path) -> None:
    edit, rule = LISTS[case]
    code, found = judged(layout(tmp_path, **edit))
    assert set(found) == {rule}
    severities = {each["severity"] for each in found[rule]}
    assert code == ("error" in severities)


def packed(path: Path) -> str:
    with tarfile.open(path / "image.tar", "w") as archive:
        archive.add(path / "image", arcname=".")
    return f"tar://{path}/image.tar"


def test_an_archive_of_a_layout_is_judged_like_the_layout(tmp_path: Path) -> None:
    layout(tmp_path, schemaVersion=1)
    assert set(judged(packed(tmp_path))[1]) == {"schema-version"}


def test_fast_sees_what_an_archive_of_a_layout_lacks_or_has_of_another_length(tmp_path: Path) -> None:
    layout(tmp_path)
    digest = IMAGE.layers[0].descriptor.digest
    blob = tmp_path / "image" / "blobs" / "sha256" / digest.hex
    blob.write_bytes(b"short")
    [finding] = judged(packed(tmp_path), "--fast")[1]["blob-missing"]
    assert f"5 bytes as {digest}" in finding["message"]
    blob.unlink()
    [finding] = judged(packed(tmp_path), "--fast")[1]["blob-missing"]
    assert finding["message"] == f"the source has no blob {digest}"


def test_a_layout_may_list_several_images_of_one_platform_without_saying_so(tmp_path: Path) -> None:
    uri = layout(tmp_path)
    path = tmp_path / "image" / "index.json"
    written = json.loads(path.read_text())
    [entry] = written["manifests"]
    written["manifests"].append({**entry, "annotations": {"org.opencontainers.image.ref.name": "v2"}})
    path.write_text(json.dumps(written))
    assert judged(uri) == (0, {})


def test_documents_of_a_layout_that_are_too_long_are_told_by_their_own_rules(tmp_path: Path) -> None:
    uri = layout(tmp_path)
    raw = changed(annotations={"x": "y" * (5 << 20)})
    entry = {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(raw)), "size": len(raw)}
    entry["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    folder = tmp_path / "image"
    (folder / "blobs" / "sha256" / Digest.of(raw).hex).write_bytes(raw)
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    assert set(judged(uri)[1]) == {"manifest-too-big"}
