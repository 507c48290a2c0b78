"""What is unusual and still right: names, empty images, many layers, several runs at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from occystrap_core.model.media_types import Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    build_artifact,
    build_image,
    build_index,
    build_layer,
    directory,
    file,
    hardlink,
    layer_tar,
    whiteout,
)
from occystrap_core.testing.registry import EmbeddedRegistry
from tests.end_to_end import witness
from tests.end_to_end.conftest import Place, Run
from tests.end_to_end.images import BASE, IMAGE, MIDDLE, OCI_IMAGE, TOP, several, write_layout

KINDS = ["registry", "tar", "tar-oci", "ocidir", "dir"]
NORMALIZE = ("-f", "normalize-timestamps:ts=7")
FILTERS = pytest.mark.parametrize("filters", [(), NORMALIZE], ids=["unfiltered", "filtered"])


def process(run: Run, source: str, destination: str, *more: str | Path) -> str:
    ran = run("process", source, destination, "--verify-full", *more)
    assert ran.code == 0, ran.err
    assert ran.err.endswith("verified OK\n")
    return ran.err


class TestPaths:
    NAMES = (
        b"a b", b"a%b", b"%41", b"a?b", b"a#b", b"a&b=c", b"a+b", "ü".encode(), b"a:b:c", b"a@b", b"x@sha256:1",
        b"--flag", b"-", b"a\nb", b"~", b".hidden", b"\xff",
    )  # fmt: skip

    @pytest.mark.parametrize("name", NAMES, ids=repr)
    @pytest.mark.parametrize("scheme", ["tar", "ocidir", "dir"])
    def test_every_name_of_a_file(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, name: bytes
    ) -> None:
        """Percent-encoded, as in any URI; and what was written is found again to be verified."""
        monkeypatch.chdir(tmp_path)
        target = f"{scheme}://{quote(b'./' + name, safe='./')}" + (":v1" if scheme == "ocidir" else "")
        process(run, "sample://app:1?layers=1&files=1", target)
        assert os.path.exists(os.path.join(os.fsencode(tmp_path), name))
        process(run, target, f"tar://{tmp_path}/back.tar")


class TestFewAndMany:
    @FILTERS
    @pytest.mark.parametrize("kind", KINDS)
    def test_an_image_without_layers(
        self, run: Run, tmp_path: Path, place: Place, kind: str, filters: tuple[str, ...]
    ) -> None:
        source = write_layout(tmp_path / "in", build_image([], family=Family.OCI, history=()))
        process(run, source, place(kind, "first"), *filters)
        process(run, place(kind, "first").partition("?")[0], place("ocidir", "back"), *filters)
        assert witness.look(place("ocidir", "back")).layers == ()

    @FILTERS
    @pytest.mark.parametrize("kind", KINDS[1:])
    def test_more_layers_than_docker_allows(
        self, run: Run, tmp_path: Path, place: Place, kind: str, filters: tuple[str, ...]
    ) -> None:
        layers = [layer_tar(file(f"file{n}", str(n))) for n in range(130)]
        process(run, write_layout(tmp_path / "in", build_image(layers)), place(kind), "-j", "8", *filters)
        seen = witness.look(place(kind))
        assert [seen.names(n) for n in range(130)] == [[f"file{n}"] for n in range(130)]

    @FILTERS
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_same_layer_many_times(
        self, run: Run, tmp_path: Path, place: Place, kind: str, filters: tuple[str, ...]
    ) -> None:
        source = write_layout(tmp_path / "in", build_image([BASE, TOP, BASE, BASE, TOP]))
        process(run, source, place(kind, "first"), "-j", "8", *filters)
        process(run, place(kind, "first").partition("?")[0], place("dir", "back"))
        seen = witness.look(place("dir", "back"))
        assert seen.layers[0] == seen.layers[2] == seen.layers[3] != seen.layers[1] == seen.layers[4]
        assert seen.is_consistent

    def test_layers_that_a_filter_makes_equal(self, run: Run, tmp_path: Path, place: Place) -> None:
        """Two blobs of the source become one of the destination."""
        layers = [layer_tar(file("same", "same", mtime=n)) for n in (1, 2, 3)]
        for kind in KINDS:
            process(run, write_layout(tmp_path / kind, build_image(layers)), place(kind), *NORMALIZE, "-j", "3")
            assert len(set(witness.look(place(kind)).layers)) == 1

    def test_everything_excluded(self, run: Run, tmp_path: Path, place: Place, layout: str) -> None:
        process(run, layout, place("tar"), "-f", "exclude:pattern=**")
        seen = witness.look(place("tar"))
        assert [seen.names(n) for n in range(5)] == [[]] * 5

    def test_a_chain_of_many_filters(self, run: Run, tmp_path: Path, place: Place, layout: str) -> None:
        chain = []
        for n in range(10):
            chain += ["-f", f"normalize-timestamps:ts={n}", "-f", f"inspect:file={tmp_path}/{n}.jsonl"]
            chain += ["-f", f"exclude:pattern=nothing{n}", "-f", "search:pattern=**/motd"]
        process(run, layout, place("ocidir", "long"), *chain)
        process(run, layout, place("ocidir", "short"), "-f", "normalize-timestamps:ts=9")
        assert witness.look(place("ocidir", "long")) == witness.look(place("ocidir", "short"))
        ids = [json.loads((tmp_path / f"{n}.jsonl").read_bytes())["layers"][-1]["Id"] for n in range(10)]
        assert len(set(ids)) == 10, "each stage has a layer of its own"
        assert ids[-1] == witness.look(place("ocidir", "long")).diff_ids[0]


class TestKindsOfContent:
    @pytest.mark.parametrize("kind", ["registry", "tar-oci", "ocidir"])
    def test_artifacts(self, run: Run, tmp_path: Path, place: Place, kind: str) -> None:
        """Through filters too, which have nothing to do with them."""
        artifact = build_artifact({"text/plain": b"hello", "application/vnd.example+tar": BASE})
        process(run, write_layout(tmp_path / "in", artifact), place(kind, "first"), *NORMALIZE)
        process(run, place(kind, "first").partition("?")[0], f"ocidir://{tmp_path}/back:v1")
        assert witness.named(tmp_path / "back", "v1")["digest"] == str(artifact.root.digest)

    def test_a_filtered_index_of_indexes_and_artifacts(self, run: Run, tmp_path: Path) -> None:
        inner = build_index([OCI_IMAGE, build_artifact({"text/plain": b"x"})])
        arm = build_image([TOP], family=Family.OCI, platform=Platform("linux", "arm", "v7"))
        source = write_layout(tmp_path / "in", build_index([inner, arm], also={"annotations": {"kept": "yes"}}))
        process(run, source, f"ocidir://{tmp_path}/out:v1", "--all-platforms", *NORMALIZE)
        blob = witness.blobs_of(tmp_path / "out")
        root = json.loads(blob(witness.named(tmp_path / "out", "v1")["digest"]))
        assert root["annotations"] == {"kept": "yes"}
        assert root["manifests"][1]["platform"] == {"architecture": "arm", "os": "linux", "variant": "v7"}
        found = json.loads(blob(root["manifests"][0]["digest"]))["manifests"]
        assert found[1] == inner.index.json["manifests"][1]
        assert found[0]["digest"] != inner.index.json["manifests"][0]["digest"]

    def test_foreign_layers_say_where_they_are(self, run: Run, tmp_path: Path) -> None:
        """Windows images once had layers that registries may not hold."""
        extra = {"urls": ["https://example.com/layer"]}
        media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        image = build_image([build_layer(BASE, media_type=media_type, extra=extra), MIDDLE])
        with EmbeddedRegistry() as registry:
            registry.add(image, "windows")
            process(run, f"registry://{registry.host}/windows", f"tar://{tmp_path}/a.tar")
            del registry.store.repository("windows").blobs[str(image.layers[0].descriptor.digest)]
            ran = run("process", f"registry://{registry.host}/windows", f"tar://{tmp_path}/b.tar")
            assert (ran.code, ran.err.count("\n")) == (3, 1)
            assert "foreign layer" in ran.err

    def test_keys_that_nobody_knows_are_kept(self, run: Run, tmp_path: Path) -> None:
        layer = build_layer(BASE, family=Family.OCI, extra={"annotations": {"a": "b"}, "x-new": [1, {"y": None}]})
        image = build_image(
            [layer], family=Family.OCI, config={"x-moby": {"z": 1.5}}, manifest={"annotations": {"ü": "ö"}, "x": 10**18}
        )
        source = write_layout(tmp_path / "in", image)
        process(run, source, f"ocidir://{tmp_path}/same:v1")
        assert witness.named(tmp_path / "same", "v1")["digest"] == str(image.root.digest)
        process(run, source, f"ocidir://{tmp_path}/out:v1", *NORMALIZE)
        blob = witness.blobs_of(tmp_path / "out")
        manifest = json.loads(blob(witness.named(tmp_path / "out", "v1")["digest"]))
        before = dict(image.manifest.json)
        assert list(manifest) == list(before)
        assert (manifest["annotations"], manifest["x"]) == (before["annotations"], before["x"])
        assert manifest["layers"][0]["annotations"] == {"a": "b"}
        assert manifest["layers"][0]["x-new"] == [1, {"y": None}]
        assert json.loads(blob(manifest["config"]["digest"]))["x-moby"] == {"z": 1.5}

    def test_links_to_what_is_excluded(self, run: Run, tmp_path: Path) -> None:
        """Chains of hard links, whose first file goes: the next takes its place, whatever the filters after it do."""
        layer = layer_tar(
            directory("d"), file("d/a", "content", mode=0o4711, uid=7, mtime=3), hardlink("d/b", "d/a"),
            hardlink("c", "d/b"), hardlink("e", "./d/a"), file("f", "x"), whiteout("g"),
        )  # fmt: skip
        source = write_layout(tmp_path / "in", build_image([layer]))
        process(
            run, source, f"dir://{tmp_path}/out", "-f", "exclude:pattern=d/a", *NORMALIZE, "-f", "exclude:pattern=d/b"
        )
        import io
        import tarfile

        with tarfile.open(fileobj=io.BytesIO(witness.in_directory(tmp_path / "out").layers[0])) as opened:
            members = {member.name: member for member in opened}
            assert list(members) == ["d", "c", "e", "f", ".wh.g"]
            assert (members["c"].type, members["c"].mode, members["c"].uid) == (tarfile.REGTYPE, 0o4711, 7)
            assert (members["e"].type, members["e"].linkname) == (tarfile.LNKTYPE, "c")
            body = opened.extractfile("e")
            assert body is not None
            assert body.read() == b"content"


class TestSeveralAtOnce:
    @pytest.fixture
    def together(self) -> Iterator[list[subprocess.Popen[str]]]:
        running: list[subprocess.Popen[str]] = []
        yield running
        for each in running:
            each.kill()
            each.communicate()

    @pytest.mark.parametrize("kind", ["ocidir", "dir"])
    def test_into_one_folder(self, together: list[subprocess.Popen[str]], run: Run, tmp_path: Path, kind: str) -> None:
        """Different images that share layers, and one that two runs write."""
        target = {"ocidir": "ocidir://{}/out:n{}", "dir": "dir://{}/out?unique_names=true"}[kind]
        numbers = [0, 1, 2, 3, 3]
        for number in numbers:
            sample = f"sample://n{number}:1?layers={number + 1}&files=3"
            command = [sys.executable, "-m", "occystrap_core", "process", sample, target.format(tmp_path, number)]
            together.append(subprocess.Popen([*command, "--verify-full"], stderr=subprocess.PIPE, text=True))
        for each in together:
            errors = each.communicate(timeout=60)[1]
            assert each.returncode == 0, errors
            assert "verified OK" in errors
        for number in set(numbers):
            name = f":n{number}" if kind == "ocidir" else f"?ref=n{number}:1"
            process(run, f"{kind}://{tmp_path}/out{name}", f"tar://{tmp_path}/{number}.tar")
            assert len(witness.in_archive(tmp_path / f"{number}.tar").layers) == number + 1
        hidden = [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".occystrap-incoming")]
        assert hidden == []

    def test_to_one_file(self, together: list[subprocess.Popen[str]], tmp_path: Path) -> None:
        """The last to finish wins, whole."""
        for seed in range(4):
            command = [sys.executable, "-m", "occystrap_core", "process", f"sample://?seed={seed}&size=100000"]
            together.append(subprocess.Popen([*command, f"tar://{tmp_path}/a.tar"], stderr=subprocess.PIPE, text=True))
        for each in together:
            errors = each.communicate(timeout=60)[1]
            # Its verifier may meet the archive of another run, and must say so.
            assert each.returncode == 0 or "verify errors" in errors, errors
        assert witness.in_archive(tmp_path / "a.tar").is_consistent
        assert [path.name for path in tmp_path.iterdir() if "a.tar" in path.name] == ["a.tar"]


class TestReports:
    def test_search_and_inspect_of_several_platforms(self, run: Run, tmp_path: Path) -> None:
        """In the order of the index; attestations are not looked into."""
        source = write_layout(tmp_path / "in", several())
        arguments = ("-f", "search:pattern=**/motd,script-friendly=true", "-f", f"inspect:file={tmp_path}/i.jsonl")
        ran = run("process", source, f"ocidir://{tmp_path}/out:v1", *arguments, "--all-platforms", "-O", "json")
        assert ran.code == 0, ran.err
        found = [json.loads(line) for line in (tmp_path / "i.jsonl").read_text().splitlines()]
        assert [len(each["layers"]) for each in found] == [5, 2]

    def test_json_is_the_only_thing_on_stdout(self, run: Run, tmp_path: Path, layout: str) -> None:
        search = ("-f", "search:pattern=*", "-v")
        ran = run("process", layout, f"tar://{tmp_path}/a.tar", "-O", "json", *search)
        assert json.loads(ran.out)["layer_count"] == 5
        failed = run("process", layout, f"tar://{tmp_path}/a.tar?format=x", "-O", "json")
        assert (failed.out, failed.err.count("\n")) == ("", 1)

    def test_a_file_for_reports_that_cannot_be_written(self, run: Run, tmp_path: Path, layout: str) -> None:
        for path, code in (("/no/such/file", 2), ("/dev/full", 3), (str(tmp_path), 2)):
            ran = run("process", layout, f"tar://{tmp_path}/a.tar", "-f", f"inspect:file={path}")
            assert (ran.code, ran.err.count("\n")) == (code, 1), ran.err
            assert ran.err.startswith("Error: filter 'inspect': ")

    def test_nothing_is_reported_of_a_run_that_failed(self, run: Run, tmp_path: Path) -> None:
        image = build_image([BASE, replace(build_layer(MIDDLE), diff_id=build_layer(TOP).diff_id)])
        source = write_layout(tmp_path / "in", image)
        arguments = ("-f", f"inspect:file={tmp_path}/i.jsonl", "-f", "search:pattern=*", *NORMALIZE)
        ran = run("process", source, f"tar://{tmp_path}/a.tar", *arguments)
        assert (ran.code, ran.out) == (3, "")
        assert not (tmp_path / "i.jsonl").exists()
        assert IMAGE.root.digest != image.root.digest
