"""registry:// as a destination."""

from __future__ import annotations

import time

import pytest

from occystrap_core.contracts import Settings, Slot
from occystrap_core.model.errors import DigestMismatch, OptionError, TransferError
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.testing.build import BuiltImage, BuiltLayer, build_artifact, build_image, build_index, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry, Fault, TokenGate
from occystrap_outputs.registry.output import RegistryOutput
from tests.registry.opening import destination, push, put_blobs, source


@pytest.fixture
def image() -> BuiltImage:
    return build_image([layer_tar(("etc/", ""), ("etc/motd", "hello")), layer_tar(("a", "b"))])


def tags(embedded: EmbeddedRegistry, name: str = "team/app") -> dict[str, str]:
    return embedded.store.repository(name).tags


def uri(embedded: EmbeddedRegistry, rest: str = "team/app:v1") -> str:
    return f"registry://{embedded.host}/{rest}"


def test_the_tag_comes_last(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    index = build_index([image, build_artifact({"text/plain": b"x"})])
    receipt = push(destination(uri(embedded)), index)
    puts = [request.path.rpartition("/")[2] for request in embedded.seen("PUT", "/manifests/")]
    assert puts == [*(str(child.root.digest) for child in index.children), "v1"]
    assert tags(embedded) == {"v1": str(index.root.digest)}
    assert (receipt.scheme, receipt.uri, str(receipt.name)) == (
        "registry",
        uri(embedded),
        f"{embedded.host}/team/app:v1",
    )


def test_nothing_has_a_name_before_commit_or_after_abort(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    output = destination(uri(embedded))
    put_blobs(output, image)
    output.put_document(image.manifest)
    assert not tags(embedded)
    output.abort()
    output.abort()
    assert not tags(embedded) and not embedded.seen("PUT", "/manifests/")


def test_what_is_there_is_not_sent(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    push(destination(uri(embedded)), image)
    sent = len(embedded.seen("POST"))
    push(destination(uri(embedded, "team/app:v2")), image)
    assert len(embedded.seen("POST")) == sent == 3
    output = destination(uri(embedded))
    assert output.holds(image.layers[0].descriptor.digest) == image.layers[0].descriptor.size
    output.abort()


def test_blobs_of_the_same_registry_are_mounted(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.add(image, "source/app", "v1")
    output = destination(uri(embedded), origin=(embedded.host, "source/app"))
    blob = image.layers[0].descriptor
    assert output.holds(blob.digest) == blob.size
    assert str(blob.digest) in embedded.store.repository("team/app").blobs
    output.abort()


@pytest.mark.parametrize("origin", [None, ("other.example.com", "source/app"), ("127.0.0.1", "source/app")])
def test_blobs_of_another_registry_are_not(
    embedded: EmbeddedRegistry, image: BuiltImage, origin: tuple[str, str] | None
) -> None:
    embedded.add(image, "source/app", "v1")
    output = destination(uri(embedded), origin=origin)
    assert output.holds(image.layers[0].descriptor.digest) is None
    assert not embedded.seen("POST")
    output.abort()


def test_a_registry_that_mounts_nothing_is_sent_the_blob(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.store.mounts = False
    embedded.add(image, "source/app", "v1")
    output = destination(uri(embedded), origin=(embedded.host, "source/app"))
    assert output.holds(image.layers[0].descriptor.digest) is None
    push(output, image)
    assert tags(embedded) == {"v1": str(image.root.digest)}


def test_a_destination_that_names_a_digest_takes_nothing_else(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    pinned = uri(embedded, f"team/app@{image.root.digest}")
    output = destination(pinned)
    assert "names the digest" in output.cannot_modify_reason()
    receipt = push(output, image)
    assert receipt.uri == pinned and not tags(embedded)
    assert source(receipt.uri).root().digest == image.root.digest
    other = build_image([layer_tar(("other", "x"))])
    with pytest.raises(DigestMismatch, match="the destination names"):
        push(destination(pinned), other)
    assert not destination(uri(embedded)).cannot_modify_reason()


def test_a_tag_and_a_digest_together_tag_that_digest(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    push(destination(uri(embedded, f"team/app:v1@{image.root.digest}")), image)
    assert tags(embedded) == {"v1": str(image.root.digest)}


def test_a_broken_stream_uploads_nothing(embedded: EmbeddedRegistry) -> None:
    def chunks():  # type: ignore[no-untyped-def]
        yield b"beginning"
        raise TransferError("the source went away")

    output = destination(uri(embedded))
    with pytest.raises(TransferError, match="went away"):
        output.put_blob(chunks(), Slot(0))
    assert not embedded.requests
    output.abort()


def test_a_discarded_blob_is_not_sent(embedded: EmbeddedRegistry) -> None:
    output = destination(uri(embedded))
    output.discard(output.put_blob([b"not needed"], Slot(0)))
    output.abort()
    assert not embedded.requests


def test_a_failed_tag_fails_the_commit(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.fail(Fault("PUT", "/manifests/v1", status=400, body=b'{"errors":[{"code":"MANIFEST_INVALID"}]}'))
    output = destination(uri(embedded))
    with pytest.raises(TransferError, match="MANIFEST_INVALID"):
        push(output, image)
    output.abort()


@pytest.mark.parametrize(
    ("query", "setting", "convert", "family"),
    [
        ("", None, None, None),
        ("?compression=zstd", None, Compression.ZSTD, Family.OCI),
        ("", Compression.ZSTD, Compression.ZSTD, Family.OCI),
        ("?compression=gzip", Compression.ZSTD, Compression.GZIP, None),
        ("?compression=none", None, Compression.NONE, None),
        ("?format=oci", None, None, Family.OCI),
        ("?format=docker", None, None, Family.DOCKER),
    ],
)
def test_what_layers_and_documents_become(
    embedded: EmbeddedRegistry,
    query: str,
    setting: Compression | None,
    convert: Compression | None,
    family: Family | None,
) -> None:
    traits = destination(uri(embedded) + query, settings=Settings(compression=setting)).traits
    assert (traits.convert, traits.family) == (convert, family)
    assert (Compression.ZSTD in traits.compressions) == (family is not Family.DOCKER)


def test_docker_has_no_zstd(embedded: EmbeddedRegistry) -> None:
    with pytest.raises(OptionError, match="option 'format': docker has no zstd layers"):
        destination(uri(embedded) + "?format=docker&compression=zstd")
    with pytest.raises(OptionError, match="is none of none, gzip, zstd"):
        destination(uri(embedded) + "?compression=xz")


def test_a_receipt_holds_no_secret_but_knows_the_login(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    receipt = push(
        destination(f"registry://ann:hunter2@{embedded.host}/team/app:v1?insecure=true&auth_host=a.b"), image
    )
    assert receipt.uri == f"{uri(embedded)}?insecure=true&auth_host=a.b"
    assert "hunter2" not in repr(receipt)
    assert receipt.settings and (receipt.settings.username, receipt.settings.password) == ("ann", "hunter2")
    assert source(receipt.uri, receipt.settings).root().digest == image.root.digest


def put_passing(output: RegistryOutput, layer: BuiltLayer) -> None:
    """As the engine hands over a blob that it copies: its name is known beforehand."""
    output.keep(output.put_blob([layer.blob], Slot(0, layer.descriptor)), layer.descriptor, None)


def test_bytes_that_come_once_survive_a_login_in_the_middle(image: BuiltImage) -> None:
    """A body cannot be sent a second time when the first was answered with 401: what was kept aside is."""
    with EmbeddedRegistry(gate=TokenGate(uses=1)) as guarded:
        output = destination(uri(guarded))
        put_passing(output, image.layers[0])
        assert output.client.has_blob(image.layers[0].descriptor.digest)
        assert output.traffic.retries == 0, "a login is none"
        output.abort()


def test_a_failure_of_bytes_that_come_once_counts_as_a_retry_and_waits(
    embedded: EmbeddedRegistry, image: BuiltImage
) -> None:
    embedded.fail(Fault("PUT", "/blobs/uploads", status=429, headers={"Retry-After": "1"}))
    output = destination(uri(embedded))
    started = time.monotonic()
    put_passing(output, image.layers[0])
    assert time.monotonic() - started >= 1
    assert output.client.has_blob(image.layers[0].descriptor.digest)
    assert (output.traffic.retries, output.traffic.rate_limits) == (1, 1)
    output.abort()
