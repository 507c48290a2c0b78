"""Pushing to a registry that does what registries do on a bad day."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from occystrap_core.kit.distribution.client import PUSH, RegistryClient
from occystrap_core.kit.distribution.connection import Timeouts
from occystrap_core.kit.distribution.upload import InMemory
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import DigestMismatch, OccystrapError, TransferError
from occystrap_core.streams.spool import Spool
from occystrap_core.testing.build import BuiltImage, build_image, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.distribution.conftest import ClientFor

BLOB = random.Random(2).randbytes(2 * 1024 * 1024 + 77)
DIGEST = Digest.of(BLOB)
UPLOADS, MANIFESTS = "/blobs/uploads/", "/manifests/"


@pytest.fixture
def image(embedded: EmbeddedRegistry) -> BuiltImage:
    """All of it is there but its manifest."""
    built = build_image([layer_tar(("etc/motd", "hello"))])
    blobs = {**built.blobs, built.config.digest: built.config.raw}
    embedded.store.repository("some/image").blobs.update({str(digest): blob for digest, blob in blobs.items()})
    return built


@pytest.fixture
def client(embedded: EmbeddedRegistry, client_for: ClientFor) -> RegistryClient:
    return client_for(embedded, actions=PUSH)


def stored(embedded: EmbeddedRegistry, digest: Digest = DIGEST) -> bytes | None:
    return embedded.store.repository("some/image").blobs.get(str(digest))


def methods(embedded: EmbeddedRegistry) -> list[str]:
    return [request.method for request in embedded.requests]


@pytest.mark.parametrize("location", ["relative", "absolute", "query"])
def test_a_blob_is_one_post_and_one_put(
    start: Callable[..., EmbeddedRegistry], client_for: ClientFor, location: str
) -> None:
    registry = start(location=location)
    client_for(registry, actions=PUSH).put_blob(DIGEST, InMemory(BLOB))
    assert stored(registry) == BLOB
    assert methods(registry) == ["POST", "PUT"]


def test_what_a_location_says_is_sent_back_untouched(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    client.put_blob(DIGEST, InMemory(BLOB))
    assert f"?state=a%2Fb%3D&x=1&digest=sha256%3A{DIGEST.hex}" in embedded.requests[-1].path


def test_a_blob_of_nothing(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    client.put_blob(Digest.of(b""), InMemory(b""))
    assert stored(embedded, Digest.of(b"")) == b""


def test_a_spool_is_sent_as_it_lies(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    with Spool() as spool:
        spool.fill([BLOB])
        client.put_blob(DIGEST, spool)
    assert stored(embedded) == BLOB


def test_an_upload_that_broke_goes_on_where_it_stopped(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault("PUT", UPLOADS, read_only=1_000_000))
    client.put_blob(DIGEST, InMemory(BLOB))
    assert stored(embedded) == BLOB
    patch = embedded.seen("PATCH", UPLOADS)[0]
    assert patch.headers["content-range"] == f"1000000-{len(BLOB) - 1}"
    assert int(patch.headers["content-length"]) == len(BLOB) - 1_000_000


def test_it_begins_again_where_the_registry_forgot_it(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault("PUT", UPLOADS, read_only=1_000_000))
    embedded.fail(Fault("GET", UPLOADS, status=404))
    client.put_blob(DIGEST, InMemory(BLOB))
    assert stored(embedded) == BLOB
    assert methods(embedded) == ["POST", "PUT", "HEAD", "GET", "POST", "PUT"]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_busy_registry_is_asked_again(
    client: RegistryClient, embedded: EmbeddedRegistry, method: str, status: int
) -> None:
    embedded.fail(Fault(method, UPLOADS, status=status, times=2))
    client.put_blob(DIGEST, InMemory(BLOB))
    assert stored(embedded) == BLOB


def test_a_refusal_before_the_body_was_read_is_understood(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault("PUT", UPLOADS, status=503, early=True))
    client.put_blob(DIGEST, InMemory(BLOB))
    assert stored(embedded) == BLOB


@pytest.mark.parametrize("status", [504, 0], ids=["504", "reset"])
def test_an_upload_that_failed_only_in_the_answer_is_not_repeated(
    client: RegistryClient, embedded: EmbeddedRegistry, status: int
) -> None:
    embedded.fail(Fault("PUT", UPLOADS, status=status, after_work=True))
    client.put_blob(DIGEST, InMemory(BLOB))
    assert methods(embedded) == ["POST", "PUT", "HEAD"]


@pytest.mark.parametrize("status", [504, 0], ids=["504", "reset"])
def test_a_manifest_that_failed_only_in_the_answer_is_not_repeated(
    client: RegistryClient, embedded: EmbeddedRegistry, image: BuiltImage, status: int
) -> None:
    embedded.fail(Fault("PUT", MANIFESTS, status=status, after_work=True))
    client.put_manifest(image.manifest, "v1")
    assert methods(embedded) == ["PUT", "HEAD"]
    assert embedded.store.repository("some/image").tags == {"v1": str(image.root.digest)}


def test_a_manifest_that_did_not_arrive_is_sent_again(
    client: RegistryClient, embedded: EmbeddedRegistry, image: BuiltImage
) -> None:
    embedded.fail(Fault("PUT", MANIFESTS, status=500, times=2))
    client.put_manifest(image.manifest, "v1")
    assert embedded.store.repository("some/image").tags == {"v1": str(image.root.digest)}


def test_a_push_does_not_go_on_for_ever(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault("PUT", UPLOADS, status=503, times=None))
    with pytest.raises(TransferError, match="given up after 4 attempts"):
        client.put_blob(DIGEST, InMemory(BLOB))
    assert len(embedded.seen("PUT", UPLOADS)) == 4


def test_a_digest_that_the_registry_does_not_find_in_the_bytes(
    client: RegistryClient, embedded: EmbeddedRegistry
) -> None:
    with pytest.raises(TransferError, match="DIGEST_INVALID"):
        client.put_blob(Digest.of(b"other"), InMemory(BLOB))
    assert len(embedded.seen("PUT")) == 1


def test_a_stored_blob_by_another_name_is_an_error(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault("PUT", UPLOADS, headers={"Docker-Content-Digest": str(Digest.of(b"other"))}))
    with pytest.raises(DigestMismatch, match="by another name"):
        client.put_blob(DIGEST, InMemory(BLOB))


def test_a_stored_manifest_by_another_name_is_an_error(
    client: RegistryClient, embedded: EmbeddedRegistry, image: BuiltImage
) -> None:
    embedded.fail(Fault("PUT", MANIFESTS, headers={"Docker-Content-Digest": str(DIGEST)}))
    with pytest.raises(DigestMismatch, match="which names other bytes"):
        client.put_manifest(image.manifest, "v1")


def test_a_registry_may_take_its_time_after_an_upload(embedded: EmbeddedRegistry, client_for: ClientFor) -> None:
    """It hashes what it got, and may move it to another store, before it answers."""
    embedded.fail(Fault("PUT", UPLOADS, think=0.6))
    client = client_for(embedded, actions=PUSH, retries=0, timeouts=Timeouts(connect=5, idle=0.2, after_upload=10))
    client.put_blob(DIGEST, InMemory(BLOB))
    assert stored(embedded) == BLOB


def test_an_upload_without_a_location(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault("POST", UPLOADS, headers={"Location": None}))
    with pytest.raises(TransferError, match="does not say where to upload"):
        client.put_blob(DIGEST, InMemory(BLOB))


def test_a_redirected_upload_is_refused(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault("PUT", UPLOADS, status=307, headers={"Location": "/elsewhere"}))
    with pytest.raises(TransferError, match="redirects a PUT"):
        client.put_blob(DIGEST, InMemory(BLOB))


def test_a_blob_of_another_repository_is_mounted(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.store.repository("other/image").blobs[str(DIGEST)] = BLOB
    assert client.mount(DIGEST, "other/image")
    assert stored(embedded) == BLOB
    assert embedded.requests[0].path.endswith(f"/?mount=sha256%3A{DIGEST.hex}&from=other%2Fimage")


def test_where_it_cannot_be_mounted_nothing_is_left_behind(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    assert not client.mount(DIGEST, "other/image")
    assert methods(embedded) == ["POST", "DELETE"] and not embedded.uploads


@pytest.mark.parametrize("status", [500, 403, 429])
def test_a_mount_that_fails_is_the_last_one(client: RegistryClient, embedded: EmbeddedRegistry, status: int) -> None:
    embedded.store.repository("other/image").blobs[str(DIGEST)] = BLOB
    embedded.fail(Fault("POST", "mount=", status=status))
    assert not client.mount(DIGEST, "other/image")
    assert not client.mount(DIGEST, "other/image")
    assert methods(embedded) == ["POST"]
    client.put_blob(DIGEST, InMemory(BLOB))
    assert stored(embedded) == BLOB


def test_a_mount_that_is_not_granted_says_nothing_about_the_next(
    client: RegistryClient, embedded: EmbeddedRegistry
) -> None:
    assert not client.mount(DIGEST, "other/image")
    embedded.store.repository("other/image").blobs[str(DIGEST)] = BLOB
    assert client.mount(DIGEST, "other/image")


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_manifest_whose_blobs_are_not_there_is_not_pushed_again(
    client: RegistryClient, embedded: EmbeddedRegistry, status: int
) -> None:
    answer = b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry"}]}'
    embedded.fail(Fault("PUT", "/manifests/", times=None, status=status, body=answer))
    with pytest.raises(OccystrapError, match="MANIFEST_BLOB_UNKNOWN"):
        client.put_manifest(build_image([layer_tar(("a", "b"))]).manifest, "v1")
    assert methods(embedded) == ["PUT"]
