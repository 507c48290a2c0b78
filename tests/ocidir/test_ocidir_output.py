"""Writing image layouts: what is in them, what stays, and what is left after an accident."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from occystrap_core.contracts import Chunk, OutputContext, Settings, Slot
from occystrap_core.contracts.output import Output
from occystrap_core.model import strict_json
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, OccystrapError, OptionError, TransferError, UsageError
from occystrap_core.model.image import Image, ImageName
from occystrap_core.model.media_types import (
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Compression,
    Family,
    layer_compression,
)
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    BuiltImage,
    build_artifact,
    build_image,
    build_index,
    build_layer,
    layer_tar,
)
from occystrap_core.testing.memory import MemoryInput
from tests.ocidir.moves import destination, move, read_everything, source, tree_of

REF_NAME = "org.opencontainers.image.ref.name"
CONTEXT = OutputContext(Settings(), ImageName("sample", "latest"))


@pytest.fixture
def image() -> BuiltImage:
    return build_image([layer_tar(("a", "first")), layer_tar(("b", "second"))], family=Family.OCI)


def opened(uri: str) -> Output:
    return destination(uri, CONTEXT)


def names(layout: Path) -> list[str]:
    index = strict_json.loads_object((layout / "index.json").read_bytes())
    return [entry["annotations"][REF_NAME] for entry in index["manifests"]]


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def put(output: Output, image: BuiltImage) -> None:
    """What the engine does for an image that arrives unchanged."""
    for order, layer in enumerate(image.layers):
        if output.holds(layer.descriptor.digest) is None:
            staged = output.put_blob([layer.blob], Slot(order, layer.descriptor))
            output.keep(staged, layer.descriptor, None)
    output.put_document(image.config)
    output.put_document(image.manifest)


class TestWhatIsWritten:
    def test_an_image_of_oci_arrives_byte_for_byte(self, tmp_path: Path, image: BuiltImage) -> None:
        outcome = move(image, f"ocidir://{tmp_path}/out:v1")
        assert outcome.findings == ()
        assert source(f"ocidir://{tmp_path}/out:v1").root().digest == image.root.digest
        assert read_everything(f"ocidir://{tmp_path}/out") == {str(k): v for k, v in image.blobs.items()}

    def test_there_is_nothing_but_the_layout(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"ocidir://{tmp_path}/deep/out")
        blobs = [f"blobs/sha256/{digest.hex}" for digest in (*image.documents, *image.blobs)]
        assert files(tmp_path / "deep/out") == sorted([*blobs, "index.json", "oci-layout"])
        assert (tmp_path / "deep/out/oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'

    def test_everybody_may_read_the_files(self, tmp_path: Path, image: BuiltImage) -> None:
        mask = os.umask(0o022)
        try:
            move(image, f"ocidir://{tmp_path}/out")
        finally:
            os.umask(mask)
        assert {(tmp_path / "out" / file).stat().st_mode & 0o777 for file in files(tmp_path / "out")} == {0o644}

    def test_the_tag_is_latest_unless_said_otherwise(self, tmp_path: Path, image: BuiltImage) -> None:
        outcome = move(image, f"ocidir://{tmp_path}/out")
        assert names(tmp_path / "out") == ["latest"]
        assert outcome.receipt.uri == f"ocidir://{tmp_path}/out:latest"
        assert outcome.receipt.name == ImageName("out", "latest")

    def test_a_whole_reference_can_be_the_name(self, tmp_path: Path, image: BuiltImage) -> None:
        outcome = move(image, f"ocidir://{tmp_path}/out?ref=docker.io/library/app:v1")
        assert names(tmp_path / "out") == ["docker.io/library/app:v1"]
        assert outcome.receipt.name == ImageName("app", "v1")
        assert outcome.findings == ()
        assert source(outcome.receipt.uri).root().digest == image.root.digest

    def test_images_of_docker_become_images_of_oci(self, tmp_path: Path) -> None:
        image = build_image([layer_tar(("a", "x"))], family=Family.DOCKER)
        move(image, f"ocidir://{tmp_path}/out")
        assert source(f"ocidir://{tmp_path}/out").root().media_type == OCI_MANIFEST
        assert read_everything(f"ocidir://{tmp_path}/out") == {str(k): v for k, v in image.blobs.items()}

    def test_the_format_of_the_source_can_be_kept(self, tmp_path: Path) -> None:
        image = build_image([layer_tar(("a", "x"))], family=Family.DOCKER)
        move(image, f"ocidir://{tmp_path}/out?format=source")
        root = source(f"ocidir://{tmp_path}/out").root()
        assert (root.digest, root.media_type) == (image.root.digest, DOCKER_MANIFEST)

    @pytest.mark.parametrize("compression", list(Compression))
    def test_every_compression_is_kept(self, tmp_path: Path, compression: Compression) -> None:
        image = build_image([layer_tar(("a", "x"))], family=Family.OCI, compression=compression)
        move(image, f"ocidir://{tmp_path}/out")
        assert source(f"ocidir://{tmp_path}/out").root().digest == image.root.digest

    @pytest.mark.parametrize("compression", [Compression.ZSTD, Compression.GZIP])
    def test_or_converted_when_asked_for(self, tmp_path: Path, image: BuiltImage, compression: Compression) -> None:
        move(image, f"ocidir://{tmp_path}/a?compression={compression}")
        move(image, f"ocidir://{tmp_path}/b", settings=Settings(compression=compression))
        for name in ("a", "b"):
            written = tree_of(f"ocidir://{tmp_path}/{name}")
            assert isinstance(written, Image)
            assert {layer_compression(layer.descriptor.media_type) for layer in written.layers} == {compression}

    def test_indexes_arrive_whole_with_their_attestations(self, tmp_path: Path, image: BuiltImage) -> None:
        other = build_image([layer_tar(("a", "arm"))], family=Family.OCI, platform=Platform("linux", "arm64"))
        index = build_index([image, build_index([other], attest=True)], attest=True)
        assert move(index, f"ocidir://{tmp_path}/out").findings == ()
        root = source(f"ocidir://{tmp_path}/out").root()
        assert (root.digest, root.media_type) == (index.root.digest, OCI_INDEX)
        assert read_everything(f"ocidir://{tmp_path}/out").keys() == {str(digest) for digest in index.blobs}

    def test_artifacts_are_kept(self, tmp_path: Path) -> None:
        artifact = build_artifact({"application/vnd.example.one": b"one", "text/plain": b"two"})
        assert move(artifact, f"ocidir://{tmp_path}/out").findings == ()
        root = source(f"ocidir://{tmp_path}/out").root()
        assert root.digest == artifact.root.digest
        assert root.extra["artifactType"] == "application/vnd.example.thing"

    def test_a_layer_that_stands_twice_is_stored_once(self, tmp_path: Path) -> None:
        layer = build_layer(layer_tar(("a", "x")), family=Family.OCI)
        image = build_image([layer, layer], family=Family.OCI)
        assert move(image, f"ocidir://{tmp_path}/out").findings == ()
        assert len(files(tmp_path / "out/blobs")) == 3

    def test_blobs_of_sha512_have_a_folder_of_their_own(self, tmp_path: Path) -> None:
        output = opened(f"ocidir://{tmp_path}/out")
        digest = Digest.of(b"long", "sha512")
        blob = build_artifact({"text/plain": b"long"}).layers[0].descriptor
        output.keep(output.put_blob([b"long"], Slot(0)), blob.__class__(blob.media_type, digest, 4), None)
        document = build_artifact({}).manifest
        output.put_document(document)
        output.commit(document.descriptor())
        assert (tmp_path / "out/blobs/sha512" / digest.hex).read_bytes() == b"long"

    def test_an_image_without_layers(self, tmp_path: Path) -> None:
        image = build_image([], family=Family.OCI)
        assert move(image, f"ocidir://{tmp_path}/out").findings == ()
        assert source(f"ocidir://{tmp_path}/out").root().digest == image.root.digest


class TestSeveralImages:
    def test_others_stay_as_they_are(self, tmp_path: Path, image: BuiltImage) -> None:
        other = build_image([layer_tar(("c", "other"))], family=Family.OCI)
        move(image, f"ocidir://{tmp_path}/out:v1")
        move(other, f"ocidir://{tmp_path}/out:v2")
        assert names(tmp_path / "out") == ["v1", "v2"]
        assert source(f"ocidir://{tmp_path}/out:v1").root().digest == image.root.digest
        assert source(f"ocidir://{tmp_path}/out:v2").root().digest == other.root.digest

    def test_the_same_name_is_replaced_in_its_place(self, tmp_path: Path, image: BuiltImage) -> None:
        other = build_image([layer_tar(("c", "other"))], family=Family.OCI)
        for tag in ("v1", "v2"):
            move(image, f"ocidir://{tmp_path}/out:{tag}")
        move(other, f"ocidir://{tmp_path}/out:v1")
        assert names(tmp_path / "out") == ["v1", "v2"]
        assert source(f"ocidir://{tmp_path}/out:v1").root().digest == other.root.digest

    def test_what_others_wrote_into_the_index_stays(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"ocidir://{tmp_path}/out:v1")
        path = tmp_path / "out/index.json"
        index = strict_json.loads_object(path.read_bytes())
        index["annotations"] = {"owner": "somebody"}
        index["manifests"].append({**index["manifests"][0], "annotations": {"note": "nameless"}, "x": 1})
        path.write_bytes(strict_json.dumps(index))
        move(image, f"ocidir://{tmp_path}/out:v2")
        after = strict_json.loads_object(path.read_bytes())
        assert after["annotations"] == {"owner": "somebody"}
        assert after["manifests"][:2] == index["manifests"]

    def test_a_name_from_elsewhere_is_not_carried_along(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"ocidir://{tmp_path}/one?ref=docker.io/library/app:v1")
        move(f"ocidir://{tmp_path}/one", f"ocidir://{tmp_path}/two:v2")
        assert names(tmp_path / "two") == ["v2"]

    def test_a_layer_that_is_there_is_not_read_from_the_source(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"ocidir://{tmp_path}/out:v1")
        again = MemoryInput(image)
        outcome = move(again, f"ocidir://{tmp_path}/out:v2")
        assert all(layer.reused for layer in outcome.images[0].layers)
        assert names(tmp_path / "out") == ["v1", "v2"]

    @pytest.mark.parametrize("damage", [b"", b"short", None])
    def test_a_damaged_layer_that_is_there_is_not_believed(
        self, tmp_path: Path, image: BuiltImage, damage: bytes | None
    ) -> None:
        move(image, f"ocidir://{tmp_path}/out:v1")
        layer = image.layers[0]
        path = tmp_path / "out/blobs/sha256" / layer.descriptor.digest.hex
        path.write_bytes(bytes(len(layer.blob)) if damage is None else damage)
        assert opened(f"ocidir://{tmp_path}/out").holds(layer.descriptor.digest) is None
        assert move(image, f"ocidir://{tmp_path}/out:v2").findings == ()
        assert path.read_bytes() == layer.blob

    def test_a_link_in_the_place_of_a_layer_is_replaced_and_not_followed(
        self, tmp_path: Path, image: BuiltImage
    ) -> None:
        move(image, f"ocidir://{tmp_path}/out:v1")
        layer = image.layers[0]
        path = tmp_path / "out/blobs/sha256" / layer.descriptor.digest.hex
        path.rename(tmp_path / "precious")
        path.symlink_to(tmp_path / "precious")
        assert opened(f"ocidir://{tmp_path}/out").holds(layer.descriptor.digest) is None
        (tmp_path / "precious").write_bytes(b"precious")
        assert move(image, f"ocidir://{tmp_path}/out:v1").findings == ()
        assert (tmp_path / "precious").read_bytes() == b"precious"
        assert not path.is_symlink()

    def test_nothing_is_written_through_a_linked_folder(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"ocidir://{tmp_path}/out:v1")
        (tmp_path / "out/blobs").rename(tmp_path / "elsewhere")
        (tmp_path / "out/blobs").symlink_to(tmp_path / "elsewhere")
        other = build_image([layer_tar(("c", "other"))], family=Family.OCI)
        before = files(tmp_path / "elsewhere")
        with pytest.raises(InvalidImage, match="is a symbolic link"):
            move(other, f"ocidir://{tmp_path}/out:v2")
        assert files(tmp_path / "elsewhere") == before


class TestRefusals:
    @pytest.mark.parametrize("name", ["-x", "a%20b", "a%2F..%2Fb", "%1b"])
    def test_names_that_nobody_could_write(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(UsageError, match="cannot be a name"):
            opened(f"ocidir://{tmp_path}/out:{name}")

    def test_a_digest_is_no_name(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="under a digest"):
            opened(f"ocidir://{tmp_path}/out@{Digest.of(b'')}")

    def test_a_file_is_no_layout(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"content")
        with pytest.raises(UsageError, match="not a directory"):
            opened(f"ocidir://{tmp_path}/file")

    def test_a_layout_of_another_version_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "oci-layout").write_bytes(b'{"imageLayoutVersion":"2.0.0"}')
        with pytest.raises(InvalidImage, match=r"version '2\.0\.0'"):
            opened(f"ocidir://{tmp_path}")

    def test_an_index_that_cannot_be_read_is_not_replaced(self, tmp_path: Path, image: BuiltImage) -> None:
        (tmp_path / "index.json").write_bytes(b"{broken")
        with pytest.raises(OccystrapError, match="not valid JSON"):
            move(image, f"ocidir://{tmp_path}")
        assert files(tmp_path) == ["index.json"]

    def test_unknown_options_and_values(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match="format"):
            opened(f"ocidir://{tmp_path}/out?format=docker")
        with pytest.raises(OptionError, match="no option"):
            opened(f"ocidir://{tmp_path}/out?kompression=gzip")


class TestAccidents:
    def test_opening_writes_nothing(self, tmp_path: Path) -> None:
        opened(f"ocidir://{tmp_path}/out").holds(Digest.of(b""))
        assert list(tmp_path.iterdir()) == []

    def test_before_the_commit_nothing_is_visible(self, tmp_path: Path, image: BuiltImage) -> None:
        output = opened(f"ocidir://{tmp_path}/out")
        put(output, image)
        assert [path for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == []

    def test_what_was_put_is_held_before_the_commit(self, tmp_path: Path, image: BuiltImage) -> None:
        output = opened(f"ocidir://{tmp_path}/out")
        put(output, image)
        assert [output.holds(layer.descriptor.digest) for layer in image.layers] == [
            layer.descriptor.size for layer in image.layers
        ]

    def test_abort_leaves_no_trace(self, tmp_path: Path, image: BuiltImage) -> None:
        output = opened(f"ocidir://{tmp_path}/deep/out")
        put(output, image)
        output.discard(output.put_blob([b"unwanted"], Slot(9)))
        output.abort()
        assert list(tmp_path.iterdir()) == []

    def test_abort_leaves_an_existing_layout_as_it_was(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"ocidir://{tmp_path}/out")
        before = {file: (tmp_path / "out" / file).read_bytes() for file in files(tmp_path / "out")}
        output = opened(f"ocidir://{tmp_path}/out:v2")
        put(output, build_image([layer_tar(("z", "new"))], family=Family.OCI))
        output.abort()
        assert {file: (tmp_path / "out" / file).read_bytes() for file in files(tmp_path / "out")} == before
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["blobs", "index.json", "oci-layout"]

    def test_abort_without_any_work_is_fine(self, tmp_path: Path) -> None:
        opened(f"ocidir://{tmp_path}/out").abort()
        assert list(tmp_path.iterdir()) == []

    def test_a_source_that_breaks_leaves_nothing(self, tmp_path: Path, image: BuiltImage) -> None:
        broken = MemoryInput(image, fail_after={image.layers[1].descriptor.digest: 3})
        with pytest.raises(TransferError, match="connection was lost"):
            move(broken, f"ocidir://{tmp_path}/out")
        assert list(tmp_path.iterdir()) == []

    def test_a_blob_that_breaks_leaves_no_file(self, tmp_path: Path) -> None:
        def breaking() -> Iterator[Chunk]:
            yield b"first"
            raise TransferError("lost")

        output = opened(f"ocidir://{tmp_path}/out")
        with pytest.raises(TransferError):
            output.put_blob(breaking(), Slot(0))
        assert [file for file in files(tmp_path / "out") if not file.endswith("/lock")] == []

    def test_chunks_may_be_views_of_a_buffer_that_is_used_again(self, tmp_path: Path) -> None:
        def views() -> Iterator[Chunk]:
            buffer = bytearray(5)
            for content in (b"first", b"again", b"third"):
                buffer[:] = content
                yield memoryview(buffer)

        output = opened(f"ocidir://{tmp_path}/out")
        output.put_blob(views(), Slot(0))
        (staged,) = [file for file in files(tmp_path / "out") if not file.endswith("/lock")]
        assert (tmp_path / "out" / staged).read_bytes() == b"firstagainthird"

    def test_a_full_disk_is_an_error_and_leaves_nothing(self, tmp_path: Path, image: BuiltImage) -> None:
        """The limit on the size of a file stands for the disk's."""
        script = """
            import resource, signal, sys
            from occystrap_core.testing.build import build_image, layer_tar
            from occystrap_core.model.media_types import Compression, Family
            from occystrap_core.model.errors import TransferError
            from tests.ocidir.moves import move
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            big = build_image([layer_tar(("big", bytes(1_000_000)))], family=Family.OCI, compression=Compression.NONE)
            try:
                move(big, sys.argv[1])
            except TransferError as error:
                print(error)
        """
        done = run_python(script, f"ocidir://{tmp_path}/out")
        assert "File too large" in done
        assert list(tmp_path.iterdir()) == []


WRITER = """
    import sys
    from occystrap_core.testing.build import build_image, build_layer, layer_tar
    from occystrap_core.model.media_types import Family
    from tests.ocidir.moves import move
    shared = build_layer(layer_tar(("shared", "x" * 100_000)), family=Family.OCI)
    for number in range(int(sys.argv[2]), int(sys.argv[3])):
        own = build_layer(layer_tar(("own", str(number))), family=Family.OCI)
        outcome = move(build_image([shared, own], family=Family.OCI), f"{sys.argv[1]}:t{number}", depth=None)
"""

HANGING = """
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


def python(script: str, *args: str) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *args], stdout=subprocess.PIPE, cwd=root, text=True
    )


def run_python(script: str, *args: str) -> str:
    with python(script, *args) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out


class TestSeveralWriters:
    def test_two_processes_add_to_one_layout(self, tmp_path: Path) -> None:
        uri = f"ocidir://{tmp_path}/out"
        with python(WRITER, uri, "0", "12") as one, python(WRITER, uri, "12", "24") as two:
            assert one.wait(60) == two.wait(60) == 0
        assert sorted(names(tmp_path / "out")) == sorted(f"t{number}" for number in range(24))
        for number in range(24):
            assert len(read_everything(f"{uri}:t{number}")) == 2
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["blobs", "index.json", "oci-layout"]

    def test_a_killed_writer_leaves_a_layout_that_the_next_one_tidies(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"ocidir://{tmp_path}/out:v1")
        with python(HANGING, f"ocidir://{tmp_path}/out:v2") as killed:
            assert killed.stdout and killed.stdout.readline() == "writing\n"
            killed.send_signal(signal.SIGKILL)
        assert names(tmp_path / "out") == ["v1"]
        assert len(read_everything(f"ocidir://{tmp_path}/out:v1")) == 2
        move(build_image([layer_tar(("n", "next"))], family=Family.OCI), f"ocidir://{tmp_path}/out:v3")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["blobs", "index.json", "oci-layout"]

    def test_a_writer_at_work_is_not_disturbed(self, tmp_path: Path, image: BuiltImage) -> None:
        at_work = opened(f"ocidir://{tmp_path}/out:v1")
        put(at_work, image)
        move(build_image([layer_tar(("n", "next"))], family=Family.OCI), f"ocidir://{tmp_path}/out:v2")
        at_work.commit(image.root)
        assert names(tmp_path / "out") == ["v2", "v1"]
        assert len(read_everything(f"ocidir://{tmp_path}/out:v1")) == 2

    def test_an_aborted_writer_does_not_take_the_others_folders(self, tmp_path: Path, image: BuiltImage) -> None:
        first, second = opened(f"ocidir://{tmp_path}/out:v1"), opened(f"ocidir://{tmp_path}/out:v2")
        first.put_blob([b"x"], Slot(0))
        put(second, image)
        first.abort()
        second.commit(image.root)
        assert names(tmp_path / "out") == ["v2"]
