"""Reading image layouts, those of other tools among them, and refusing what is none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from occystrap_core.model import strict_json
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import ContentError, InvalidImage, InvalidJson, NotFound, OccystrapError, UsageError
from occystrap_core.model.image import Image, ImageName, Index, images_of
from occystrap_core.model.media_types import OCI_INDEX
from tests.ocidir.moves import read_everything, source, tree_of

RULES_DOCKER = "bazelbuild+rules_docker/container/go/pkg/oci/testdata"
APKO = "chainguard-dev+apko/internal/cli/testdata"
ARTIFACTS = "containers+container-libs/common/pkg/manifests/testdata/artifacts"
CONTAINERS = "containers+container-libs/image/oci/layout/fixtures"
GGCR = "google+go-containerregistry/pkg/v1/layout/testdata"
REGCLIENT = "regclient+regclient/testdata"


def images(uri: str) -> tuple[Image, ...]:
    return images_of(tree_of(uri))


@pytest.fixture
def copied(fixtures_dir: Path, tmp_path: Path) -> Path:
    """A good layout of one image, to be damaged."""
    return Path(shutil.copytree(fixtures_dir / GGCR / "test_index_one_image", tmp_path / "layout", symlinks=True))


class TestLayoutsOfOtherTools:
    @pytest.mark.parametrize(
        "layout",
        [
            f"{RULES_DOCKER}/test_index1",
            f"{GGCR}/test_index_one_image",
            f"{GGCR}/test_index_media_type",
            f"{ARTIFACTS}/blobs-only",
            f"{ARTIFACTS}/no-blobs",
        ],
    )
    def test_one_image_is_read_without_a_tag(self, fixtures_dir: Path, layout: str) -> None:
        assert isinstance(tree_of(f"ocidir://{fixtures_dir / layout}"), Image)
        assert read_everything(f"ocidir://{fixtures_dir / layout}")

    def test_artifacts_without_layers_of_tar_are_artifacts(self, fixtures_dir: Path) -> None:
        (image,) = images(f"ocidir://{fixtures_dir / ARTIFACTS / 'blobs-only'}")
        assert image.is_artifact

    @pytest.mark.parametrize("layout", ["base_image", "golden", "top_image"])
    def test_platforms_without_names_are_one_image(self, fixtures_dir: Path, layout: str) -> None:
        path = fixtures_dir / APKO / layout
        tree = tree_of(f"ocidir://{path}")
        assert isinstance(tree, Index)
        assert tree.descriptor.digest == Digest.of((path / "index.json").read_bytes())
        assert [str(image.platform) for image in tree.images()] == ["linux/amd64", "linux/arm64"]
        assert read_everything(f"ocidir://{path}")

    def test_two_nameless_images_of_one_platform_are_not_one(self, fixtures_dir: Path, tmp_path: Path) -> None:
        path = Path(shutil.copytree(fixtures_dir / APKO / "golden", tmp_path / "layout"))
        index = (path / "index.json").read_text().replace('"arm64"', '"amd64"')
        (path / "index.json").write_text(index)
        with pytest.raises(UsageError, match="several images") as error:
            source(f"ocidir://{path}")
        assert "@sha256:69f0237c7f8c" in error.value.hint

    @pytest.mark.parametrize("tag", ["v1", "v2", "v3", "b1", "child", "loop", "ai", "mirror"])
    def test_tags_of_regclient(self, fixtures_dir: Path, tag: str) -> None:
        path = fixtures_dir / REGCLIENT / "testrepo"
        uri = f"ocidir://{path}:{tag}"
        listed = strict_json.loads_object((path / "index.json").read_bytes())["manifests"]
        wanted = next(e for e in listed if e["annotations"]["org.opencontainers.image.ref.name"] == tag)
        assert str(source(uri).root().digest) == wanted["digest"]
        assert images(uri)

    def test_an_index_entry_is_the_index_below(self, fixtures_dir: Path) -> None:
        root = source(f"ocidir://{fixtures_dir / ARTIFACTS / 'index'}").root()
        assert (root.media_type, root.digest.hex[:8]) == (OCI_INDEX, "74c31168")

    def test_every_name_is_offered_where_none_is_given(self, fixtures_dir: Path) -> None:
        with pytest.raises(UsageError, match="several images") as error:
            source(f"ocidir://{fixtures_dir / REGCLIENT / 'testrepo'}")
        assert "b1, b2, b3, v1, v2" in error.value.hint

    def test_a_manifest_below_an_index_is_found_by_its_digest(self, fixtures_dir: Path) -> None:
        path = fixtures_dir / REGCLIENT / "testrepo"
        child = images(f"ocidir://{path}:v1")[0].descriptor.digest
        assert source(f"ocidir://{path}@{child}").root().digest == child
        assert images(f"ocidir://{path}@{child}")[0].descriptor.digest == child
        assert images(f"ocidir://{path}?ref={child}")[0].descriptor.digest == child

    def test_several_names_of_one_image_are_one_image(self, copied: Path) -> None:
        index = strict_json.loads_object((copied / "index.json").read_bytes())
        entry = index["manifests"][0]
        for name in ("v1", "v2"):
            named = {**entry, "annotations": {"org.opencontainers.image.ref.name": name}}
            index["manifests"].append(named)
        (copied / "index.json").write_bytes(strict_json.dumps(index))
        assert str(source(f"ocidir://{copied}").root().digest) == entry["digest"]


class TestNames:
    def named(self, layout: Path, **annotations: str) -> ImageName:
        index = strict_json.loads_object((layout / "index.json").read_bytes())
        index["manifests"][0]["annotations"] = annotations
        (layout / "index.json").write_bytes(strict_json.dumps(index))
        return source(f"ocidir://{layout}").name()

    def test_a_mere_tag_belongs_to_the_folder(self, copied: Path) -> None:
        assert self.named(copied, **{"org.opencontainers.image.ref.name": "v1"}) == ImageName("layout", "v1")

    def test_a_whole_reference_is_the_name(self, copied: Path) -> None:
        name = {"org.opencontainers.image.ref.name": "localhost/team/app:v1"}
        assert self.named(copied, **name) == ImageName("localhost/team/app", "v1")

    def test_containerd_knows_more_than_the_tag(self, copied: Path) -> None:
        names = {
            "org.opencontainers.image.ref.name": "v1",
            "io.containerd.image.name": "docker.io/library/busybox:v1",
        }
        assert self.named(copied, **names) == ImageName("busybox", "v1")
        assert source(f"ocidir://{copied}?ref=docker.io/library/busybox:v1").root()

    @pytest.mark.parametrize("name", ["../../etc/passwd", "--flag", "a b", "host/UPPER", "\x1b[31m"])
    def test_what_is_no_name_is_not_taken_for_one(self, copied: Path, name: str) -> None:
        assert self.named(copied, **{"org.opencontainers.image.ref.name": name}) == ImageName("layout", "")


class TestDefects:
    @pytest.mark.parametrize(
        ("layout", "complaint"),
        [
            (f"{RULES_DOCKER}/test_index2", "has no index.json"),
            (f"{RULES_DOCKER}/test_index3", "lacks blob sha256:4817a495758a"),
            (f"{RULES_DOCKER}/test_index4", "lacks blob sha256:93cd8b73a9da"),
            (f"{RULES_DOCKER}/test_index5", "lacks blob sha256:26c668c40574"),
            (f"{ARTIFACTS}/config-only", "200 bytes, its descriptor says 506"),
            (f"{CONTAINERS}/manifest", "no oci-layout file"),
            (f"{CONTAINERS}/name_lookups", "no oci-layout file"),
            (f"{CONTAINERS}/delete_image_only_one_image", "740 bytes, its descriptor says 585"),
            (f"{CONTAINERS}/delete_image_shared_blobs_dir", "lacks blob sha256:eaa95f3cfaac"),
            (f"{CONTAINERS}/delete_image_two_identical_references:1.0.0", "the name '1.0.0' to several images"),
            (f"{GGCR}/test_gc_image_unknown_mediatype", "lacks blob sha256:325899857025"),
            (f"{GGCR}/test_index:1", "calls itself"),
            (f"{GGCR}/test_gc_index:1", "calls itself"),
        ],
    )
    def test_damaged_fixtures_are_refused_in_a_sentence(self, fixtures_dir: Path, layout: str, complaint: str) -> None:
        with pytest.raises(OccystrapError) as error:
            read_everything(f"ocidir://{fixtures_dir / layout}")
        assert complaint in str(error.value)

    def test_no_such_directory(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="does not exist"):
            source(f"ocidir://{tmp_path}/nowhere")

    def test_an_archive_is_pointed_to_its_scheme(self, tmp_path: Path) -> None:
        (tmp_path / "image.tar").write_bytes(b"")
        with pytest.raises(NotFound, match="not a directory") as error:
            source(f"ocidir://{tmp_path}/image.tar")
        assert "tar://" in error.value.hint

    def test_an_unknown_name_comes_with_the_known_ones(self, fixtures_dir: Path) -> None:
        with pytest.raises(NotFound, match="no image named 'v9'") as error:
            source(f"ocidir://{fixtures_dir / REGCLIENT / 'testrepo'}:v9")
        assert "v1, v2, v3" in error.value.hint

    @pytest.mark.parametrize(
        ("marker", "error", "complaint"),
        [
            (b'{"imageLayoutVersion":"2.0.0"}', InvalidImage, "version '2.0.0'"),
            (b"{}", InvalidImage, "version None"),
            (b'{"imageLayoutVersion":1}', InvalidImage, "version 1"),
            (b"", InvalidJson, "oci-layout is not valid JSON"),
            (b"[]", InvalidJson, "must be a JSON object"),
        ],
    )
    def test_the_version_of_the_layout(
        self, copied: Path, marker: bytes, error: type[ContentError], complaint: str
    ) -> None:
        (copied / "oci-layout").write_bytes(marker)
        with pytest.raises(error, match=complaint):
            source(f"ocidir://{copied}")

    @pytest.mark.parametrize(
        ("index", "complaint"),
        [
            (b"", "not valid JSON"),
            (b"null", "must be a JSON object"),
            (b'{"schemaVersion":2}', "no list of manifests"),
            (b'{"manifests":null}', "no list of manifests"),
            (b'{"manifests":[3]}', "entry 0 must be a JSON object"),
            (b'{"manifests":[{"mediaType":"x","size":1}]}', "entry 0 has no digest"),
            (b'{"manifests":[{"size":1,"digest":"sha256:../../../etc/passwd"}]}', "64 lower-case hex digits"),
            (b'{"manifests":[{"size":-1,"digest":"x"}]}', "whole number of bytes"),
            (b'{"manifests":[],"manifests":[]}', "twice"),
            (b'{"mediaType":"application/json","manifests":[]}', "is no index"),
            (b'{"manifests":[]}', "lists no image"),
        ],
    )
    def test_an_index_that_is_none(self, copied: Path, index: bytes, complaint: str) -> None:
        (copied / "index.json").write_bytes(index)
        with pytest.raises(OccystrapError, match=complaint):
            source(f"ocidir://{copied}")

    def test_a_giant_index_is_not_read(self, copied: Path) -> None:
        with (copied / "index.json").open("wb") as file:
            file.truncate(1 << 30)
        with pytest.raises(OccystrapError, match="larger than"):
            source(f"ocidir://{copied}")

    def test_blobs_that_are_links_are_not_followed(self, copied: Path) -> None:
        for blob in (copied / "blobs/sha256").iterdir():
            blob.rename(copied / blob.name)
            blob.symlink_to(copied / blob.name)
        with pytest.raises(InvalidImage, match="which is a link"):
            read_everything(f"ocidir://{copied}")

    def test_folders_that_are_links_are_not_followed(self, copied: Path) -> None:
        (copied / "blobs").rename(copied / "elsewhere")
        (copied / "blobs").symlink_to("elsewhere")
        with pytest.raises(InvalidImage, match="leads through 'blobs'"):
            read_everything(f"ocidir://{copied}")

    def test_a_pipe_in_the_place_of_a_blob_is_no_trap(self, copied: Path) -> None:
        for blob in (copied / "blobs/sha256").iterdir():
            blob.unlink()
            os.mkfifo(blob)
        with pytest.raises(InvalidImage, match="not a regular file"):
            read_everything(f"ocidir://{copied}")


def test_a_layout_may_be_reached_through_a_link(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(copied)
    assert read_everything(f"ocidir://{tmp_path}/link") == read_everything(f"ocidir://{copied}")
