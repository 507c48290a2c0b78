"""What a run gives: the same bytes where nothing changes, right documents where something does."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest

from occystrap_core.contracts.entry import Entry
from occystrap_core.contracts.settings import Settings
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import DigestMismatch, InvalidTar, TransferError, UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.testing.build import build_artifact, build_image, build_layer, directory, file, hardlink, layer_tar
from occystrap_core.testing.memory import MemoryInput, MemoryOutput, MemoryStore
from tests.engine.runs import Append, Drop, Label, Look, PlainFilter, Skip, Touch, run

FILES = layer_tar(("etc/", ""), ("etc/motd", "hello"), ("etc/secret", "hush"))
MORE = layer_tar(("usr/", ""), ("usr/big", "x" * 300_000))
ENCRYPTED = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"


def written(output: MemoryOutput) -> tuple[dict, dict]:
    image = output.store.image()
    manifest = json.loads(image.documents[image.root.digest])
    return manifest, json.loads(image.documents[Digest.parse(manifest["config"]["digest"])])


def unpacked(output: MemoryOutput, position: int) -> bytes:
    manifest, _ = written(output)
    layer = manifest["layers"][position]
    blob = output.store.blobs[Digest.parse(layer["digest"])]
    return gzip.decompress(blob) if layer["mediaType"].endswith("gzip") else blob


class TestNothingChanges:
    @pytest.mark.parametrize("family", list(Family))
    @pytest.mark.parametrize("compression", list(Compression))
    def test_documents_and_blobs_arrive_byte_for_byte(self, family: Family, compression: Compression) -> None:
        if (family, compression) == (Family.DOCKER, Compression.ZSTD):
            compression = Compression.GZIP
        image = build_image([FILES, MORE], family=family, compression=compression)
        output = MemoryOutput()
        outcome = run(image, output=output)
        assert output.store.snapshot()[0] == dict(image.blobs)
        assert output.store.snapshot()[1] == dict(image.documents)
        assert outcome.receipt.root.digest == image.root.digest

    @pytest.mark.parametrize("filters", [(Skip(),), (PlainFilter(),), (Look(),), (Drop("nothing/*"), Look())])
    def test_filters_that_find_nothing_to_do_leave_every_byte(self, filters: tuple[PlainFilter, ...]) -> None:
        image, output = build_image([FILES, MORE]), MemoryOutput()
        outcome = run(image, *filters, output=output)
        assert output.store.blobs == dict(image.blobs)
        assert outcome.receipt.root.digest == image.root.digest
        assert not any(layer.changed for layer in outcome.images[0].layers)

    def test_the_source_is_read_once_even_when_a_filter_looks_first(self) -> None:
        source = MemoryInput(build_image([FILES, MORE]), reopenable=False)
        run(source, Drop("etc/secret"), Look())
        assert len(source.reads) == 2

    def test_a_blob_the_destination_has_is_not_read(self) -> None:
        image = build_image([FILES, MORE])
        source, store = MemoryInput(image), MemoryStore()
        store.blobs[image.layers[0].descriptor.digest] = image.layers[0].blob
        outcome = run(source, output=MemoryOutput(store))
        assert source.reads == [image.layers[1].descriptor.digest]
        assert [layer.reused for layer in outcome.images[0].layers] == [True, False]

    def test_a_layer_the_destination_has_unpacked_is_not_read(self) -> None:
        image = build_image([FILES, MORE])
        source, store = MemoryInput(image), MemoryStore()
        store.blobs[Digest.of(FILES)] = FILES
        run(source, output=MemoryOutput(store, compressions=(Compression.NONE,)))
        assert source.reads == [image.layers[1].descriptor.digest]

    def test_the_same_layer_twice_is_read_once(self) -> None:
        source = MemoryInput(build_image([FILES, FILES, MORE]))
        run(source)
        assert len(source.reads) == 2

    def test_an_artifact_goes_through_filters_untouched(self) -> None:
        artifact, output = build_artifact({"application/vnd.example.data": b"not a tar"}), MemoryOutput()
        run(artifact, Touch(0), Label(), output=output)
        assert output.store.snapshot()[:2] == (dict(artifact.blobs), dict(artifact.documents))

    def test_a_layer_that_no_filter_can_open_is_said(self) -> None:
        image = build_image([FILES, build_layer(FILES, media_type=ENCRYPTED)])
        (note,) = run(image, Touch(7)).notes
        assert note.startswith("blob 2 (")
        assert note.endswith(f"is {ENCRYPTED}: it goes past the filters as it is")
        assert run(image).notes == ()
        assert run(build_artifact({"application/vnd.example.data": b"not a tar"}), Touch(7)).notes == ()


class TestSomethingChanges:
    def test_only_the_changed_layer_gets_a_new_blob_and_diff_id(self) -> None:
        image, output = build_image([FILES, MORE]), MemoryOutput()
        run(image, Drop("etc/secret"), output=output)
        manifest, config = written(output)
        assert manifest["layers"][1]["digest"] == str(image.layers[1].descriptor.digest)
        assert config["rootfs"]["diff_ids"] == [
            "sha256:" + hashlib.sha256(unpacked(output, 0)).hexdigest(),
            str(image.layers[1].diff_id),
        ]
        assert unpacked(output, 0) == layer_tar(("etc/", ""), ("etc/motd", "hello"))

    def test_every_other_key_of_the_documents_survives_in_order(self) -> None:
        image = build_image([FILES], config={"x-custom": {"deep": [1, 2]}}, manifest={"annotations": {"a": "b"}})
        output = MemoryOutput()
        run(image, Drop("etc/secret"), output=output)
        manifest, config = written(output)
        assert list(manifest) == list(image.manifest.json)
        assert list(config) == list(image.config.json)
        assert config["x-custom"] == {"deep": [1, 2]}
        assert manifest["annotations"] == {"a": "b"}

    def test_filters_apply_in_the_order_given_in_one_pass(self) -> None:
        image, output = build_image([layer_tar(("a", "1"), ("b", "2"))]), MemoryOutput()
        outcome = run(image, Drop("a"), Append(b"c"), Touch(7), output=output)
        assert unpacked(output, 0) == layer_tar(file("b", "2", mtime=7), file("c", "appended", mtime=7))
        stats = outcome.images[0].layers[0].stats
        assert (stats.entries_in, stats.dropped, stats.added, stats.entries_out) == (2, 1, 1, 2)

    def test_a_config_edit_alone_moves_no_layer(self) -> None:
        image, output = build_image([FILES]), MemoryOutput()
        run(image, Label(), output=output)
        manifest, config = written(output)
        assert config["config"]["Labels"] == {"touched": "yes"}
        assert manifest["layers"][0]["digest"] == str(image.layers[0].descriptor.digest)

    def test_what_described_only_the_old_blob_goes_with_it(self) -> None:
        stale = (
            "containerd.io/snapshot/stargz/toc.digest",
            "io.github.containers.zstd-chunked.manifest-checksum",
            "io.containers.zstd-chunked.manifest-checksum",
        )
        extra = {
            "annotations": {**dict.fromkeys(stale, "sha256:00"), "kept": "yes"},
            "urls": ["https://example.org/layer"],
        }
        image, output = build_image([build_layer(FILES, extra=extra)]), MemoryOutput()
        run(image, Touch(1), output=output)
        layer = written(output)[0]["layers"][0]
        assert layer["annotations"] == {"kept": "yes"}
        assert "urls" not in layer

    @pytest.mark.parametrize("parallel", [1, 2, 8])
    def test_the_result_does_not_depend_on_the_number_of_threads(self, parallel: int) -> None:
        layers = [layer_tar((f"file{n}", str(n) * 40_000)) for n in range(6)]
        outcome = run(build_image(layers), Touch(1), settings=Settings(parallel=parallel))
        reference = run(build_image(layers), Touch(1))
        assert outcome.receipt.root == reference.receipt.root

    def test_an_observer_between_two_changes_sees_the_stage_between_them(self) -> None:
        image = build_image([FILES])
        before, between, after = Look(), Look(), Look()
        run(image, before, Touch(5), between, Drop("etc/secret"), after)
        touched = layer_tar(
            directory("etc", mtime=5), file("etc/motd", "hello", mtime=5), file("etc/secret", "hush", mtime=5)
        )
        dropped = layer_tar(directory("etc", mtime=5), file("etc/motd", "hello", mtime=5))
        seen = [(look.stages[0][0].diff_id, look.stages[0][0].size) for look in (before, between, after)]
        assert seen == [(Digest.of(tar), len(tar)) for tar in (FILES, touched, dropped)]


class TestCompression:
    def test_an_unpacked_source_is_compressed_for_a_destination_that_compresses(self) -> None:
        image, output = build_image([FILES], compression=Compression.NONE), MemoryOutput()
        run(MemoryInput(image, unpacked=True), output=output)
        manifest, config = written(output)
        assert manifest["layers"][0]["mediaType"].endswith(".gzip")
        assert config == image.config.json
        assert unpacked(output, 0) == FILES

    def test_a_destination_of_plain_tars_gets_the_diff_ids_as_blobs(self) -> None:
        image, output = build_image([FILES, MORE]), MemoryOutput(compressions=(Compression.NONE,))
        run(image, output=output)
        assert [layer["digest"] for layer in written(output)[0]["layers"]] == [
            str(layer.diff_id) for layer in image.layers
        ]

    def test_a_conversion_recompresses_and_keeps_the_config(self) -> None:
        image, output = build_image([FILES], family=Family.OCI), MemoryOutput(convert=Compression.ZSTD)
        outcome = run(image, output=output)
        layer = written(output)[0]["layers"][0]
        assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"
        assert output.store.blobs[Digest.parse(layer["digest"])].startswith(b"\x28\xb5\x2f\xfd")
        assert not outcome.images[0].layers[0].changed

    def test_docker_images_become_oci_where_the_destination_asks(self) -> None:
        image, output = build_image([FILES], family=Family.DOCKER), MemoryOutput(family=Family.OCI)
        outcome = run(image, output=output)
        manifest, _ = written(output)
        assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
        assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
        assert manifest["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
        assert manifest["layers"][0]["digest"] == str(image.layers[0].descriptor.digest)
        assert outcome.images[0].layers[0].blob.media_type == manifest["layers"][0]["mediaType"]

    def test_zstd_has_no_docker_media_type(self) -> None:
        image = build_image([FILES], family=Family.OCI, compression=Compression.ZSTD)
        with pytest.raises(Exception, match="docker's media types have no zstd layers"):
            run(image, output=MemoryOutput(family=Family.DOCKER))


class TestDamage:
    def test_a_damaged_blob_is_the_sources_fault_and_nothing_is_left(self) -> None:
        image = build_image([FILES, MORE])
        layer = image.layers[1].descriptor
        damaged = bytearray(image.layers[1].blob)
        damaged[len(damaged) // 2] ^= 1
        for filters in [(), (Touch(0),), (Look(),)]:
            output = MemoryOutput()
            with pytest.raises(Exception, match="^source: ") as caught:
                run(MemoryInput(image, instead={layer.digest: bytes(damaged)}), *filters, output=output)
            assert caught.value.exit_code == 3
            assert output.aborted
            assert not output.store.images

    def test_a_layer_that_unpacks_to_something_else_is_refused(self) -> None:
        honest = build_image([FILES])
        lying = build_image(
            [build_layer(FILES)], config={"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}
        )
        assert honest.root != lying.root
        with pytest.raises(DigestMismatch, match="the image config says sha256:000000000000"):
            run(lying, Touch(0))

    def test_an_uncompressed_layer_that_is_not_its_diff_id_is_refused_unread(self) -> None:
        lie = {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}
        source = MemoryInput(build_image([FILES], compression=Compression.NONE, config=lie))
        with pytest.raises(DigestMismatch, match="the image config says sha256:000000000000"):
            run(source)
        assert source.reads == []

    def test_bytes_that_are_no_tar_are_refused_when_a_filter_must_read_them(self) -> None:
        with pytest.raises(InvalidTar):
            run(build_image([b"no tar at all" * 100]), Touch(0))

    def test_a_tar_that_ends_inside_a_file_is_the_sources_fault_though_a_filter_reads_it(self) -> None:
        class Read(PlainFilter):
            def entry(self, entry: Entry) -> Entry:
                for _ in entry.body:
                    pass
                return entry

        cut = layer_tar(("big", b"x" * 5000))[:1000]
        with pytest.raises(InvalidTar, match="^source: layer 1 .*in the middle of an entry"):
            run(build_image([cut]), Read())

    @pytest.mark.parametrize("method", ["put_blob", "keep", "put_document", "commit"])
    def test_a_failing_destination_is_named_and_aborted(self, method: str) -> None:
        output = MemoryOutput(fail_at=method)
        with pytest.raises(TransferError, match="^destination: no space left"):
            run(build_image([FILES, MORE]), Touch(0), output=output)
        assert output.aborted
        assert not output.store.images

    def test_a_lost_connection_stops_the_other_layers(self) -> None:
        image = build_image([FILES, MORE])
        source = MemoryInput(image, fail_after={image.layers[0].descriptor.digest: 10})
        with pytest.raises(TransferError, match="^source: the connection was lost"):
            run(source)

    def test_a_destination_that_pins_a_digest_takes_no_changes(self) -> None:
        pinned = "it names a digest"
        run(build_image([FILES]), output=MemoryOutput(cannot_modify=pinned))
        with pytest.raises(UsageError, match="^destination: it names a digest"):
            run(build_image([FILES]), Touch(1), output=MemoryOutput(cannot_modify=pinned))

    def test_a_destination_that_pins_a_digest_is_sent_nothing_that_it_certainly_refuses(self) -> None:
        source = MemoryInput(build_image([FILES], compression=Compression.NONE))
        output = MemoryOutput(cannot_modify="it names a digest", convert=Compression.GZIP)
        words = r"^destination: it names a digest; layer 1 \(.*\) would be stored as gzip, and lies as none \(drop "
        with pytest.raises(UsageError, match=words):
            run(source, output=output)
        assert source.reads == []


def test_mislabelled_compression_is_read_by_what_the_bytes_are() -> None:
    gzip_type = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    layer = build_layer(FILES, compression=Compression.NONE, media_type=gzip_type)
    output = MemoryOutput(compressions=(Compression.NONE,))
    run(build_image([layer]), output=output)
    assert unpacked(output, 0) == FILES


def test_hard_links_and_names_are_carried_verbatim() -> None:
    tar = layer_tar(("a", "1"), hardlink("b", "a"))
    output = MemoryOutput()
    run(build_image([tar, MORE]), Drop("usr/big"), output=output)
    assert unpacked(output, 0) == tar
    assert unpacked(output, 1) == layer_tar(("usr/", ""))


def test_the_outcome_counts_what_the_destination_holds() -> None:
    image = build_image([FILES, MORE])
    outcome = run(image)
    assert outcome.layer_count == 2
    assert outcome.size == sum(map(len, image.blobs.values())) + len(image.config.raw)
    assert outcome.receipt.name == ImageName("sample", "latest")
