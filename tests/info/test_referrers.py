"""What refers to an image: signatures, SBOMs and whatever else names it as its `subject`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import OCI_INDEX, Family
from occystrap_core.testing.build import (
    BuiltImage,
    BuiltIndex,
    Content,
    build_artifact,
    build_image,
    build_index,
    file,
    layer_tar,
)
from occystrap_core.testing.registry import BasicGate, EmbeddedRegistry, Fault
from tests.cli.conftest import Ran, Run, quiet_surroundings, run
from tests.end_to_end.images import write_layout
from tests.peers import Registry

__all__ = ["quiet_surroundings", "run"]

SIGNATURE = "application/vnd.example.signature"
SBOM = "application/spdx+json"


def image() -> BuiltImage:
    return build_image([layer_tar(file("etc/motd", "hello"))], family=Family.OCI)


def about(subject: Descriptor, kind: str = SIGNATURE, **more: Any) -> BuiltImage:
    """An artifact that names `subject`."""
    named = {"subject": {"mediaType": subject.media_type, "digest": str(subject.digest), "size": subject.size}}
    return build_artifact({"text/plain": kind.encode()}, artifact_type=kind, manifest={**named, **more})


def listing(*referrers: BuiltImage) -> bytes:
    entries = [{**each.root.to_json(), "artifactType": SIGNATURE} for each in referrers]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def told(ran: Ran) -> Any:
    assert ran.code == 0
    return json.loads(ran.out)


def found(ran: Ran) -> list[tuple[str, str, str]]:
    return [(each["digest"], each["artifact_type"], each["subject"]) for each in told(ran)["referrers"]]


class TestRegistry:
    @pytest.fixture
    def registry(self) -> Iterator[EmbeddedRegistry]:
        with EmbeddedRegistry() as server:
            yield server

    def lists(self, registry: EmbeddedRegistry, subject: Digest, body: bytes, **more: Any) -> None:
        headers: Mapping[str, str | None] = {"Content-Type": OCI_INDEX, **more.pop("headers", {})}
        path = f"/referrers/{subject}{more.pop('query', '')}"
        registry.fail(Fault("GET", path, times=None, status=200, body=body, headers=headers, **more))

    def test_the_api_is_asked_once(self, run: Run, registry: EmbeddedRegistry) -> None:
        built = image()
        registry.add(built, "app")
        signature = about(built.root)
        self.lists(registry, built.root.digest, listing(signature))
        ran = run("info", f"registry://{registry.host}/app", "-O", "json")
        assert ran.err == ""
        assert found(ran) == [(str(signature.root.digest), SIGNATURE, str(built.root.digest))]
        assert [request.path.split("/")[3] for request in registry.requests] == ["manifests", "blobs", "referrers"]

    def test_what_names_the_index_is_found_too(self, run: Run, registry: EmbeddedRegistry) -> None:
        built = image()
        index = build_index([built], attest=True)
        registry.add(index, "app")
        whole, single = about(index.root), about(built.root, SBOM)
        self.lists(registry, index.root.digest, listing(whole))
        self.lists(registry, built.root.digest, listing(single))
        referrers = told(run("info", f"registry://{registry.host}/app", "-O", "json"))["referrers"]
        attestation = index.children[1].root
        assert [(each["digest"], each["subject"]) for each in referrers] == [
            (str(attestation.digest), str(built.root.digest)),
            (str(single.root.digest), str(built.root.digest)),
            (str(whole.root.digest), str(index.root.digest)),
        ]

    def test_a_list_goes_on_where_its_link_says(self, run: Run, registry: EmbeddedRegistry) -> None:
        built = image()
        registry.add(built, "app")
        first, second = about(built.root), about(built.root, SBOM)
        self.lists(registry, built.root.digest, listing(second), query="?page=2")
        link = f'</v2/app/referrers/{built.root.digest}?page=2>; rel="next"'
        self.lists(registry, built.root.digest, listing(first), headers={"Link": link})
        assert [digest for digest, _, _ in found(run("info", f"registry://{registry.host}/app", "-O", "json"))] == [
            str(first.root.digest), str(second.root.digest),
        ]  # fmt: skip

    def test_a_list_without_end_is_not_followed(self, run: Run, registry: EmbeddedRegistry) -> None:
        built = image()
        registry.add(built, "app")
        link = f"</v2/app/referrers/{built.root.digest}>; rel=next"
        self.lists(registry, built.root.digest, listing(about(built.root)), headers={"Link": link})
        ran = run("info", f"registry://{registry.host}/app", "-O", "json")
        assert "more pages than" in told(ran)["notes"][0]
        assert len(registry.seen("GET", "/referrers/")) < 20

    @pytest.mark.parametrize("link", ["<http://elsewhere.example/v2/x>; rel=next", "</other?a>; rel=next", "nonsense"])
    def test_a_link_leads_nowhere_else(self, run: Run, registry: EmbeddedRegistry, link: str) -> None:
        built = image()
        registry.add(built, "app")
        self.lists(registry, built.root.digest, listing(about(built.root)), headers={"Link": link})
        assert told(run("info", f"registry://{registry.host}/app", "-O", "json"))
        assert len(registry.requests) == 3

    def test_without_the_api_the_tag_that_stands_for_it_is_asked(self, run: Run, registry: EmbeddedRegistry) -> None:
        built = image()
        signature = about(built.root)
        registry.add(built, "app")
        registry.add(build_index([signature]), "app", f"sha256-{built.root.digest.hex}")
        ran = run("info", f"registry://{registry.host}/app", "-O", "json")
        assert ran.err == ""
        assert found(ran) == [(str(signature.root.digest), SIGNATURE, str(built.root.digest))]

    def test_a_registry_that_knows_of_none_is_no_surprise(self, run: Run, registry: EmbeddedRegistry) -> None:
        registry.add(build_index([image()]), "app")
        ran = run("info", f"registry://{registry.host}/app", "-O", "json")
        assert (ran.err, told(ran)["referrers"], told(ran)["notes"]) == ("", [], [])
        assert len(registry.seen("GET", "/referrers/")) == 1

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ({"status": 503}, "503"),
            ({"status": 403}, "denies access"),
            ({"status": 200, "body": b"[1]"}, "JSON"),
            ({"status": 200, "body": b'{"manifests":[{"size":1}]}'}, "digest"),
            ({"status": 200, "body": b'{"manifests":[' + b" " * (5 << 20)}, "longer than"),
            ({"status": 200, "body": b"{}", "cut_after": 1}, "closed the connection"),
        ],
    )
    def test_an_answer_of_no_use_is_a_note(
        self, run: Run, registry: EmbeddedRegistry, answer: dict[str, Any], words: str
    ) -> None:
        built = image()
        registry.add(built, "app")
        headers = {"Content-Type": OCI_INDEX}
        registry.fail(Fault("GET", "/referrers/", times=None, headers=headers, **answer))
        ran = run("info", f"registry://{registry.host}/app", "-O", "json")
        (note,) = told(ran)["notes"]
        assert note.startswith("what refers to the image is not known: ")
        assert words in note
        assert told(ran)["digest"] == str(built.root.digest)
        assert ran.err.startswith("Warning: ")
        assert len(registry.seen("GET", "/referrers/")) == 1

    def test_a_page_that_is_no_list_means_that_there_is_no_api(self, run: Run, registry: EmbeddedRegistry) -> None:
        built = image()
        registry.add(built, "app")
        headers = {"Content-Type": "text/html"}
        registry.fail(Fault("GET", "/referrers/", times=None, status=200, body=b"<html>", headers=headers))
        assert told(run("info", f"registry://{registry.host}/app", "-O", "json"))["referrers"] == []

    def test_the_api_is_asked_with_the_same_login(self, run: Run) -> None:
        with EmbeddedRegistry(gate=BasicGate({"me": "secret"})) as registry:
            built = image()
            registry.add(built, "app")
            registry.add(build_index([about(built.root)]), "app", f"sha256-{built.root.digest.hex}")
            ran = run("info", f"registry://me:secret@{registry.host}/app", "-O", "json")
            assert len(found(ran)) == 1

    def test_no_layer_and_no_referrer_is_fetched(self, run: Run, registry: EmbeddedRegistry) -> None:
        built = image()
        registry.add(built, "app")
        self.lists(registry, built.root.digest, listing(about(built.root)))
        assert run("info", f"registry://{registry.host}/app", "--all-platforms").code == 0
        blobs = {request.path.rpartition("/")[2] for request in registry.seen("GET", "/blobs/")}
        assert blobs == {str(built.config.digest)}


@pytest.mark.peer("docker-registry")
def test_the_tag_scheme_at_a_registry_without_the_api(run: Run, registry: Registry, tmp_path: Path) -> None:
    built = image()
    repository = f"registry://{registry.host}/{registry.fresh('referred')}"
    assert run("process", write_layout(tmp_path / "image", built), f"{repository}:v1").code == 0
    signatures = build_index([about(built.root)])
    layout = write_layout(tmp_path / "signatures", signatures)
    assert run("process", layout, f"{repository}:sha256-{built.root.digest.hex}", "--all-platforms").code == 0
    ran = run("info", f"{repository}:v1", "-O", "json")
    assert ran.err == ""
    assert found(ran) == [(str(signatures.children[0].root.digest), SIGNATURE, str(built.root.digest))]


def layout_of(folder: Path, *contents: tuple[str, Content]) -> str:
    """A layout of several things, with or without names; the first one's URI."""
    uri = write_layout(folder, contents[0][1], contents[0][0])
    entries = []
    for name, content in contents:
        for digest, raw in {**content.blobs, **content.documents}.items():
            (folder / "blobs/sha256" / digest.hex).write_bytes(raw)
        named = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
        entries.append({**content.root.to_json(), **named})
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return uri


class TestLayout:
    @pytest.fixture(params=["folder", "archive"])
    def opened(self, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
        def as_source(*contents: tuple[str, Content]) -> str:
            uri = layout_of(tmp_path / "layout", *contents)
            if request.param == "folder":
                return uri
            import tarfile

            with tarfile.open(tmp_path / "layout.tar", "w") as archive:
                archive.add(tmp_path / "layout", ".")
            return f"tar://{tmp_path}/layout.tar?ref=v1"

        return as_source

    def test_manifests_with_the_subject_are_found(self, run: Run, opened: Any) -> None:
        built, other = image(), build_image([layer_tar(file("x", "y"))])
        signature = about(built.root, annotations={"org.example.by": "me"})
        unlike = about(other.root)
        ran = run("info", opened(("v1", built), ("", signature), ("", unlike), ("v2", other)), "-O", "json")
        assert found(ran) == [(str(signature.root.digest), SIGNATURE, str(built.root.digest))]
        assert told(ran)["referrers"][0]["annotations"] == {"org.example.by": "me"}
        assert told(ran)["referrers"][0]["size"] == signature.root.size

    def test_the_tag_that_stands_for_the_list_is_followed(self, run: Run, opened: Any) -> None:
        built = image()
        signature = about(built.root, SBOM)
        list_of_them: BuiltIndex = build_index([signature])
        ran = run("info", opened(("v1", built), (f"sha256-{built.root.digest.hex}", list_of_them)), "-O", "json")
        assert found(ran) == [(str(signature.root.digest), SBOM, str(built.root.digest))]

    def test_what_cannot_be_read_is_no_referrer_and_no_failure(self, run: Run, tmp_path: Path) -> None:
        built = image()
        lost, damaged, good = about(built.root), about(built.root, "b"), about(built.root, "c")
        source = layout_of(tmp_path / "layout", ("v1", built), ("", lost), ("", damaged), ("", good))
        blobs = tmp_path / "layout/blobs/sha256"
        (blobs / lost.root.digest.hex).unlink()
        (blobs / damaged.root.digest.hex).write_bytes(damaged.manifest.raw[:-1] + b" ")
        ran = run("info", source, "-O", "json")
        assert [kind for _, kind, _ in found(ran)] == ["c"]
        assert "2 manifests could not be read" in told(ran)["notes"][0]

    def test_a_crowd_of_manifests_is_not_searched(self, run: Run, tmp_path: Path) -> None:
        built = image()
        source = layout_of(tmp_path / "layout", ("v1", built))
        index = tmp_path / "layout/index.json"
        entries = json.loads(index.read_text())["manifests"]
        more = [{**about(built.root, str(number)).root.to_json()} for number in range(1100)]
        index.write_text(json.dumps({"schemaVersion": 2, "manifests": entries + more}))
        ran = run("info", source, "-O", "json")
        assert "too many" in told(ran)["notes"][0]


def test_text_lists_them(run: Run, tmp_path: Path) -> None:
    built = image()
    signature = about(built.root)
    out = run("info", layout_of(tmp_path / "layout", ("v1", built), ("", signature))).out
    assert f"Referrers:\n  {SIGNATURE}  {signature.root.digest}\n" in out + "\n"


def test_text_says_what_is_about_the_index(run: Run, tmp_path: Path) -> None:
    built = image()
    index = build_index([built])
    whole, single = about(index.root), about(built.root, "sbom")
    out = run("info", layout_of(tmp_path / "layout", ("v1", index), ("", whole), ("", single))).out
    assert out.rstrip().splitlines()[-3:] == [
        "Referrers:",
        f"  {'sbom':{len(SIGNATURE)}}  {single.root.digest}",
        f"  {SIGNATURE}  {whole.root.digest} (of its index)",
    ]


def test_a_layout_of_regclient(run: Run, fixtures_dir: Path) -> None:
    """It keeps the lists under tags, as at a registry."""
    layout = fixtures_dir / "regclient+regclient/testdata/testrepo"
    referrers = told(run("info", f"ocidir://{layout}:v2", "-O", "json"))["referrers"]
    assert [(each["artifact_type"], each["subject"][:14]) for each in referrers] == [
        ("application/example.arms", "sha256:ee378b7"),
        ("application/example.sbom", "sha256:dfae8f4"),
        ("application/example.signature", "sha256:dfae8f4"),
    ]


@pytest.mark.parametrize("tagged", [True, False], ids=["tag", "entry"])
def test_an_image_with_its_signature_is_one_image(run: Run, tmp_path: Path, tagged: bool) -> None:
    """As oras and regctl leave a layout that had one image before."""
    built = image()
    signature = about(built.root)
    beside: tuple[str, Content] = (f"sha256-{built.root.digest.hex}", build_index([signature])) if tagged else (
        "", signature
    )  # fmt: skip
    source = layout_of(tmp_path / "layout", ("v1", built), beside).removesuffix(":v1")
    told_of = told(run("info", source, "-O", "json"))
    assert told_of["digest"] == str(built.root.digest)
    assert [each["digest"] for each in told_of["referrers"]] == [str(signature.root.digest)]
    assert run("process", source, f"tar://{tmp_path}/out.tar").code == 0


def test_an_artifact_alone_is_what_is_meant(run: Run, tmp_path: Path) -> None:
    source = layout_of(tmp_path / "layout", ("", build_artifact({"text/plain": b"x"}))).removesuffix(":")
    assert told(run("info", source, "-O", "json"))["artifact_type"] == "application/vnd.example.thing"
