"""Writing directories: the files that scripts know, shared layers, and what is left after an accident."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.contracts import OutputContext, Settings, Slot
from occystrap_core.contracts.verifier import Depth
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, OccystrapError, TransferError, UsageError
from occystrap_core.model.image import Image, ImageName
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.testing.build import BuiltImage, build_artifact, build_image, build_index, layer_tar
from occystrap_core.testing.memory import MemoryInput
from tests.ocidir.moves import destination, move, source, tree_of, written
from tests.ocidir.test_ocidir_output import files, python

FIRST, SECOND, THIRD = layer_tar(("a", "first")), layer_tar(("b", "second")), layer_tar(("c", "third"))
APP = ImageName("app", "v1")


@pytest.fixture
def image() -> BuiltImage:
    return build_image([FIRST, SECOND])


def as_image(image: BuiltImage, name: ImageName, origin: tuple[str, str] | None = None) -> MemoryInput:
    return MemoryInput(image, name=name, origin=origin)


def layer(tar: bytes) -> str:
    return f"{Digest.of(tar).hex}/layer.tar"


def load(path: Path) -> Any:
    return json.loads(path.read_bytes())


class TestWhatIsWritten:
    def test_config_layers_manifest_and_catalog(self, tmp_path: Path, image: BuiltImage) -> None:
        outcome = move(as_image(image, APP), f"dir://{tmp_path}/out")
        assert outcome.findings == ()
        config = f"{image.config.digest.hex}.json"
        assert files(tmp_path / "out") == sorted([config, layer(FIRST), layer(SECOND), "manifest.json", "catalog.json"])
        assert load(tmp_path / "out/manifest.json") == [
            {"Config": config, "ImageName": "app", "Layers": [layer(FIRST), layer(SECOND)], "RepoTags": ["app:v1"]}
        ]
        assert load(tmp_path / "out/catalog.json") == {"app": {"v1": "manifest.json"}}

    def test_the_config_has_its_original_bytes(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"dir://{tmp_path}/out")
        assert (tmp_path / "out" / f"{image.config.digest.hex}.json").read_bytes() == image.config.raw

    def test_people_can_read_the_manifest(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"dir://{tmp_path}/out")
        text = (tmp_path / "out/manifest.json").read_text()
        assert text == json.dumps(json.loads(text), indent=4, sort_keys=True)

    @pytest.mark.parametrize("compression", list(Compression))
    @pytest.mark.parametrize("family", list(Family))
    def test_layers_are_uncompressed(self, tmp_path: Path, family: Family, compression: Compression) -> None:
        image = build_image([FIRST, SECOND], family=family, compression=compression)
        assert move(image, f"dir://{tmp_path}/out").findings == ()
        assert (tmp_path / "out" / layer(FIRST)).read_bytes() == FIRST

    def test_everybody_may_read_the_files(self, tmp_path: Path, image: BuiltImage) -> None:
        mask = os.umask(0o022)
        try:
            move(image, f"dir://{tmp_path}/out")
        finally:
            os.umask(mask)
        assert {(tmp_path / "out" / file).stat().st_mode & 0o777 for file in files(tmp_path / "out")} == {0o644}

    def test_a_layer_that_stands_twice_is_stored_once_and_listed_twice(self, tmp_path: Path) -> None:
        assert move(build_image([FIRST, FIRST]), f"dir://{tmp_path}/out").findings == ()
        assert load(tmp_path / "out/manifest.json")[0]["Layers"] == [layer(FIRST), layer(FIRST)]

    def test_the_name_of_a_registrys_image(self, tmp_path: Path, image: BuiltImage) -> None:
        """Catalog and file names have been made without the registry's host ever since."""
        name = ImageName("quay.io/team/app", "v1")
        move(as_image(image, name, ("quay.io", "team/app")), f"dir://{tmp_path}/out?unique_names=true")
        assert load(tmp_path / "out/catalog.json") == {"team/app": {"v1": "manifest-team_app-v1.json"}}
        entry = load(tmp_path / "out/manifest-team_app-v1.json")[0]
        assert (entry["ImageName"], entry["RepoTags"]) == ("team/app", ["quay.io/team/app:v1"])

    def test_an_image_without_a_name_gets_one(self, tmp_path: Path, image: BuiltImage) -> None:
        move(as_image(image, ImageName("", "")), f"dir://{tmp_path}/out?unique_names=true")
        assert load(tmp_path / "out/catalog.json") == {"unknown": {"latest": "manifest-unknown-latest.json"}}


class TestSeveralImages:
    def test_each_has_a_manifest_of_its_own_and_layers_are_shared(self, tmp_path: Path, image: BuiltImage) -> None:
        other = build_image([FIRST, THIRD])
        move(as_image(image, APP), f"dir://{tmp_path}/out?unique_names=true")
        move(as_image(other, ImageName("app", "v2")), f"dir://{tmp_path}/out?unique_names=true")
        assert load(tmp_path / "out/catalog.json") == {
            "app": {"v1": "manifest-app-v1.json", "v2": "manifest-app-v2.json"}
        }
        layers = [file for file in files(tmp_path / "out") if file.endswith("layer.tar")]
        assert layers == sorted([layer(FIRST), layer(SECOND), layer(THIRD)])

    def test_names_that_look_alike_do_not_meet(self, tmp_path: Path, image: BuiltImage) -> None:
        other = build_image([THIRD])
        for content, repository in ((image, "a/b"), (other, "a_b")):
            source = as_image(content, ImageName(repository, "v1"))
            assert move(source, f"dir://{tmp_path}/out?unique_names=true").findings == ()
        catalog = load(tmp_path / "out/catalog.json")
        assert catalog["a/b"]["v1"] == "manifest-a_b-v1.json" != catalog["a_b"]["v1"]
        assert load(tmp_path / "out" / catalog["a/b"]["v1"])[0]["Config"] == f"{image.config.digest.hex}.json"

    def test_nor_do_images_of_two_registries(self, tmp_path: Path, image: BuiltImage) -> None:
        for host in ("quay.io", "ghcr.io", "quay.io"):
            source = as_image(image, ImageName(f"{host}/team/app", "v1"), (host, "team/app"))
            assert move(source, f"dir://{tmp_path}/out?unique_names=true").findings == ()
        assert load(tmp_path / "out/catalog.json") == {
            "ghcr.io/team/app": {"v1": "manifest-ghcr.io_team_app-v1.json"},
            "team/app": {"v1": "manifest-team_app-v1.json"},
        }

    def test_the_same_name_is_replaced(self, tmp_path: Path, image: BuiltImage) -> None:
        other = build_image([THIRD])
        for content in (image, other):
            move(as_image(content, APP), f"dir://{tmp_path}/out?unique_names=true")
        assert load(tmp_path / "out/catalog.json") == {"app": {"v1": "manifest-app-v1.json"}}
        assert load(tmp_path / "out/manifest-app-v1.json")[0]["Layers"] == [layer(THIRD)]

    def test_without_unique_names_the_last_image_has_the_manifest(self, tmp_path: Path, image: BuiltImage) -> None:
        move(as_image(image, APP), f"dir://{tmp_path}/out")
        move(as_image(build_image([THIRD]), ImageName("other", "v1")), f"dir://{tmp_path}/out")
        assert load(tmp_path / "out/catalog.json") == {"other": {"v1": "manifest.json"}}

    def test_a_name_that_went_to_another_file_means_what_is_there(self, tmp_path: Path, image: BuiltImage) -> None:
        """First with a file of its own, then without, and the other way round."""
        uris = [f"dir://{tmp_path}/out{query}" for query in ("?unique_names=true", "", "?unique_names=true", "")]
        for number, uri in enumerate(uris):
            newer = build_image([FIRST, layer_tar(("number", str(number)))])
            assert move(as_image(newer, APP), uri).findings == ()
            (file,) = load(tmp_path / "out/catalog.json")["app"].values()
            found = tree_of(f"dir://{tmp_path}/out?ref=app:v1")
            assert isinstance(found, Image) and found.config.raw == newer.config.raw
            assert load(tmp_path / "out" / file)[0]["RepoTags"] == ["app:v1"]
        assert source(f"dir://{tmp_path}/out?ref=manifest-app-v1.json").root()

    @pytest.mark.parametrize("damage", [b"", FIRST[:100], bytes(len(FIRST))])
    def test_a_damaged_layer_that_is_there_is_not_believed(
        self, tmp_path: Path, image: BuiltImage, damage: bytes
    ) -> None:
        (tmp_path / "out" / layer(FIRST)).parent.mkdir(parents=True)
        (tmp_path / "out" / layer(FIRST)).write_bytes(damage)
        assert destination(f"dir://{tmp_path}/out", CONTEXT).holds(Digest.of(FIRST)) is None
        assert move(image, f"dir://{tmp_path}/out").findings == ()
        assert (tmp_path / "out" / layer(FIRST)).read_bytes() == FIRST

    def test_a_good_layer_that_is_there_is_held(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"dir://{tmp_path}/out")
        assert destination(f"dir://{tmp_path}/out", CONTEXT).holds(Digest.of(FIRST)) == len(FIRST)

    def test_nothing_is_written_through_a_linked_folder(self, tmp_path: Path, image: BuiltImage) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / Digest.of(FIRST).hex).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(InvalidImage, match="is a symbolic link"):
            move(image, f"dir://{tmp_path}/out")
        assert files(tmp_path / "elsewhere") == []


CONTEXT = OutputContext(Settings(), APP)


class TestRefusals:
    def test_somebody_elses_directory_is_not_replaced_by_a_tree(self, tmp_path: Path) -> None:
        (tmp_path / "out/manifest").mkdir(parents=True)
        (tmp_path / "out/manifest/mine").write_bytes(b"")
        with pytest.raises(UsageError, match="out is not empty"):
            destination(f"dir://{tmp_path}/out?expand=true", CONTEXT)

    def test_a_file_is_no_directory(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(UsageError, match="not a directory"):
            destination(f"dir://{tmp_path}/file", CONTEXT)

    def test_a_catalog_that_cannot_be_read_is_not_replaced(self, tmp_path: Path, image: BuiltImage) -> None:
        (tmp_path / "catalog.json").write_bytes(b"{broken")
        with pytest.raises(OccystrapError, match="not valid JSON"):
            move(image, f"dir://{tmp_path}")
        assert files(tmp_path) == ["catalog.json"]

    def test_indexes_and_artifacts_do_not_fit(self, tmp_path: Path, image: BuiltImage) -> None:
        with pytest.raises(UsageError, match="one image, not an index"):
            move(build_index([image]), f"dir://{tmp_path}/out")
        with pytest.raises(UsageError, match="image layers only"):
            move(build_artifact({"text/plain": b"x"}), f"dir://{tmp_path}/out")
        assert list(tmp_path.iterdir()) == []


class TestAccidents:
    def test_a_source_that_breaks_leaves_nothing(self, tmp_path: Path, image: BuiltImage) -> None:
        broken = MemoryInput(image, fail_after={image.layers[1].descriptor.digest: 3})
        with pytest.raises(TransferError, match="connection was lost"):
            move(broken, f"dir://{tmp_path}/deep/out")
        assert list(tmp_path.iterdir()) == []

    def test_abort_leaves_an_existing_directory_as_it_was(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"dir://{tmp_path}/out")
        before = {file: (tmp_path / "out" / file).read_bytes() for file in files(tmp_path / "out")}
        output = destination(f"dir://{tmp_path}/out", CONTEXT)
        output.put_blob([THIRD], Slot(0))
        output.put_document(image.config)
        output.abort()
        assert {file: (tmp_path / "out" / file).read_bytes() for file in files(tmp_path / "out")} == before

    def test_two_processes_add_to_one_directory(self, tmp_path: Path) -> None:
        script = """
            import sys
            from occystrap_core.model.image import ImageName
            from occystrap_core.testing.build import build_image, layer_tar
            from occystrap_core.testing.memory import MemoryInput
            from tests.ocidir.moves import move
            for number in range(int(sys.argv[2]), int(sys.argv[3])):
                image = build_image([layer_tar(("shared", "x" * 100_000)), layer_tar(("own", str(number)))])
                start = MemoryInput(image, name=ImageName("app", f"t{number}"))
                move(start, f"{sys.argv[1]}?unique_names=true", depth=None)
        """
        uri = f"dir://{tmp_path}/out"
        with python(script, uri, "0", "10") as one, python(script, uri, "10", "20") as two:
            assert one.wait(60) == two.wait(60) == 0
        assert load(tmp_path / "out/catalog.json") == {
            "app": {f"t{number}": f"manifest-app-t{number}.json" for number in range(20)}
        }
        for number in range(20):
            assert source(f"{uri}?ref=app:t{number}").root()
        assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]

    def test_a_killed_writer_leaves_a_directory_that_the_next_one_tidies(
        self, tmp_path: Path, image: BuiltImage
    ) -> None:
        script = """
            import sys, time
            from occystrap_core.contracts import OutputContext, Settings, Slot
            from occystrap_core.model.image import ImageName
            from tests.ocidir.moves import destination
            output = destination(sys.argv[1], OutputContext(Settings(), ImageName("sample", "latest")))
            def endless():
                yield b"x" * 100_000
                print("writing", flush=True)
                time.sleep(60)
            output.put_blob(endless(), Slot(0))
        """
        move(as_image(image, APP), f"dir://{tmp_path}/out")
        before = files(tmp_path / "out")
        with python(script, f"dir://{tmp_path}/out") as killed:
            assert killed.stdout and killed.stdout.readline() == "writing\n"
            killed.send_signal(signal.SIGKILL)
        assert [file for file in files(tmp_path / "out") if not file.startswith(".")] == before
        move(as_image(image, APP), f"dir://{tmp_path}/out")
        assert files(tmp_path / "out") == before


class TestVerifier:
    def findings(self, result: Any, depth: Depth) -> list[str]:
        from occystrap_outputs.dir.verifier import DirectoryVerifier

        return [finding.check for finding in DirectoryVerifier().verify(result, depth)]

    @pytest.mark.parametrize("depth", list(Depth))
    def test_what_is_right_is_not_worth_a_word(self, tmp_path: Path, image: BuiltImage, depth: Depth) -> None:
        assert self.findings(written(image, f"dir://{tmp_path}/out?unique_names=true"), depth) == []

    @pytest.mark.parametrize("depth", list(Depth))
    @pytest.mark.parametrize(
        ("file", "check"),
        [
            (layer(SECOND), "verify.layer"),
            ("manifest.json", "verify.manifest"),
            ("catalog.json", "verify.catalog"),
            ("config", "verify.config"),
        ],
    )
    def test_every_file_that_is_missing_or_short_is_an_error(
        self, tmp_path: Path, image: BuiltImage, depth: Depth, file: str, check: str
    ) -> None:
        result = written(image, f"dir://{tmp_path}/out")
        path = tmp_path / "out" / file.replace("config", f"{image.config.digest.hex}.json")
        path.write_bytes(path.read_bytes()[:-5])
        assert self.findings(result, depth) == [check]
        path.unlink()
        assert self.findings(result, depth) == [check]

    def test_other_bytes_of_the_same_size_are_found_at_full_depth(self, tmp_path: Path, image: BuiltImage) -> None:
        result = written(image, f"dir://{tmp_path}/out")
        (tmp_path / "out" / layer(FIRST)).write_bytes(bytes(len(FIRST)))
        assert self.findings(result, Depth.QUICK) == []
        assert self.findings(result, Depth.FULL) == ["verify.layer"]
        result.read_back.add(Digest.of(FIRST))
        assert self.findings(result, Depth.FULL) == [], "another verifier read it a moment ago"

    def test_layers_in_another_order_are_an_error(self, tmp_path: Path, image: BuiltImage) -> None:
        result = written(image, f"dir://{tmp_path}/out")
        manifest = load(tmp_path / "out/manifest.json")
        manifest[0]["Layers"].reverse()
        (tmp_path / "out/manifest.json").write_text(json.dumps(manifest))
        assert self.findings(result, Depth.QUICK) == ["verify.manifest"]

    def test_an_image_that_lost_its_name_is_an_error(self, tmp_path: Path, image: BuiltImage) -> None:
        result = written(image, f"dir://{tmp_path}/out?unique_names=true")
        (tmp_path / "out/catalog.json").write_text("{}")
        assert self.findings(result, Depth.QUICK) == ["verify.catalog"]
