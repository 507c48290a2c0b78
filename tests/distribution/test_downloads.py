"""Pulling from a registry that does what registries do on a bad day."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from occystrap_core.kit.distribution.client import RegistryClient
from occystrap_core.kit.distribution.connection import Timeouts
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import (
    AccessDenied,
    DigestMismatch,
    InvalidImage,
    LimitExceeded,
    NotFound,
    OptionError,
    TransferError,
)
from occystrap_core.model.media_types import OCI_INDEX, OCI_MANIFEST, Family
from occystrap_core.testing.build import BuiltImage, build_image, build_index, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.distribution.conftest import ClientFor

BLOB = random.Random(1).randbytes(3 * 1024 * 1024 + 123)
DIGEST = Digest.of(BLOB)
MANIFESTS, BLOBS = "/manifests/", "/blobs/"


@pytest.fixture
def image() -> BuiltImage:
    return build_image([layer_tar(("etc/motd", "hello"))])


@pytest.fixture
def client(embedded: EmbeddedRegistry, client_for: ClientFor, image: BuiltImage) -> RegistryClient:
    embedded.add(image, "some/image", "v1")
    embedded.store.repository("some/image").blobs[str(DIGEST)] = BLOB
    return client_for(embedded)


def read(client: RegistryClient, digest: Digest = DIGEST, size: int | None = len(BLOB)) -> bytes:
    return b"".join(bytes(chunk) for chunk in client.blob(digest, size))


def ranges(embedded: EmbeddedRegistry) -> list[str]:
    return [request.headers.get("range", "") for request in embedded.seen("GET", BLOBS)]


def test_a_blob_arrives_over_one_connection_after_another(client: RegistryClient) -> None:
    assert [read(client) for _ in range(3)] == [BLOB] * 3


def test_what_is_yielded_is_a_view_of_one_reused_buffer(client: RegistryClient) -> None:
    chunks = list(client.blob(DIGEST, len(BLOB)))
    assert all(isinstance(chunk, memoryview) for chunk in chunks)
    assert len({id(chunk.obj) for chunk in chunks if isinstance(chunk, memoryview)}) == 1


def test_an_empty_blob_is_no_chunk_at_all(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.store.repository("some/image").blobs[str(Digest.of(b""))] = b""
    assert read(client, Digest.of(b""), 0) == b""
    assert read(client) == BLOB


def test_a_body_without_a_length_is_read_to_its_end(
    start: Callable[..., EmbeddedRegistry], client_for: ClientFor
) -> None:
    registry = start(chunked=True)
    registry.store.repository("some/image").blobs[str(DIGEST)] = BLOB
    client = client_for(registry)
    assert read(client) == BLOB
    registry.fail(Fault(path=BLOBS, cut_after=1_000_000))
    assert read(client) == BLOB
    assert ranges(registry)[-1].startswith("bytes=")


def test_a_short_body_goes_on_where_it_stopped(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault(path=BLOBS, cut_after=1_000_000))
    embedded.fail(Fault(path=BLOBS, cut_after=1_500_000))
    assert read(client) == BLOB
    assert ranges(embedded) == ["", "bytes=1000000-", "bytes=2500000-"]
    assert client.traffic.retries == 2


def test_a_reset_goes_on_where_it_stopped(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    """How much arrives before a reset is up to the kernel, so only the whole can be compared."""
    embedded.fail(Fault(path=BLOBS, cut_after=1_000_000, reset=True, stall=0.1))
    assert read(client) == BLOB
    assert len(ranges(embedded)) == 2


def test_where_ranges_are_ignored_the_whole_comes_again_and_is_not_seen_twice(
    client: RegistryClient, embedded: EmbeddedRegistry
) -> None:
    embedded.fail(Fault(path=BLOBS, cut_after=1_000_000))
    embedded.fail(Fault(path=BLOBS, ignore_range=True))
    assert read(client) == BLOB


@pytest.mark.parametrize("lie", ["bytes 5-9/10", "bytes 0-3145850/3145851", "nonsense", None])
def test_a_206_with_another_range_is_not_believed(
    client: RegistryClient, embedded: EmbeddedRegistry, lie: str | None
) -> None:
    embedded.fail(Fault(path=BLOBS, cut_after=1_000_000))
    embedded.fail(Fault(path=BLOBS, headers={"Content-Range": lie}))
    assert read(client) == BLOB
    assert ranges(embedded)[2] == ""


def test_a_reset_for_ever_ends(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault(path=BLOBS, cut_after=0, reset=True, times=None))
    with pytest.raises(TransferError, match="given up after 4 attempts"):
        read(client)


def test_real_progress_is_worth_more_attempts_than_the_settings_allow(
    client: RegistryClient, embedded: EmbeddedRegistry, client_for: ClientFor
) -> None:
    embedded.fail(Fault(path=BLOBS, cut_after=1_100_000, times=2))
    assert read(client_for(embedded, retries=1)) == BLOB


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("path", [MANIFESTS, BLOBS])
def test_a_busy_registry_is_asked_again(
    client: RegistryClient, embedded: EmbeddedRegistry, image: BuiltImage, status: int, path: str
) -> None:
    embedded.fail(Fault(path=path, status=status, times=2))
    assert client.manifest("v1")[0].raw == image.manifest.raw
    assert read(client) == BLOB
    assert client.traffic.retries == 2
    assert client.traffic.rate_limits == (2 if status == 429 else 0)


def test_a_busy_registry_is_not_asked_for_ever(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(
        Fault(
            path=MANIFESTS, status=503, times=None, body=b'{"errors":[{"code":"X","message":"we are \\u001b[31mout"}]}'
        )
    )
    with pytest.raises(TransferError) as caught:
        client.manifest("v1")
    assert "answers 503: X: we are \\x1b[31mout" in str(caught.value)
    assert len(embedded.seen("GET", MANIFESTS)) == 4


def test_a_stall_ends_after_the_idle_time_and_the_rest_is_fetched(
    client: RegistryClient, embedded: EmbeddedRegistry
) -> None:
    embedded.fail(Fault(path=BLOBS, cut_after=1_000_000, stall=3))
    began = time.monotonic()
    assert read(client) == BLOB
    assert time.monotonic() - began < 2.5


def test_a_drip_is_a_stall(embedded: EmbeddedRegistry, client_for: ClientFor, client: RegistryClient) -> None:
    """Each byte resets a socket's own time-out, so a slow trickle would hold us for days."""
    embedded.fail(Fault(path=BLOBS, drip=0.05, times=None))
    slow = client_for(embedded, retries=1, timeouts=Timeouts(connect=5, idle=0.3))
    began = time.monotonic()
    with pytest.raises(TransferError, match="too slow"):
        read(slow)
    assert time.monotonic() - began < 5


def test_a_server_that_never_answers(client_for: ClientFor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        client = client_for(host, retries=0)
        with pytest.raises(TransferError, match="did not answer in time"):
            client.manifest("v1")


def test_nobody_listens(client_for: ClientFor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
    client = client_for(host, retries=1)
    with pytest.raises(TransferError, match="refuses the connection.*given up after 2 attempts"):
        client.manifest("v1")


def test_a_server_that_does_not_speak_http(client_for: ClientFor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\x1b[2J")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(TransferError, match="does not answer in HTTP") as caught:
            client_for(host, retries=0).manifest("v1")
        thread.join()
    assert "\x1b" not in str(caught.value)


def test_a_head_that_drips_is_a_stall_too(client_for: ClientFor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(4096)
                for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        host = f"127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(TransferError, match="too slow"):
            client_for(host, retries=0, timeouts=Timeouts(connect=5, idle=0.3)).manifest("v1")
        assert time.monotonic() - began < 2
        thread.join()


def test_a_consumer_may_be_as_slow_as_it_likes(embedded: EmbeddedRegistry, client_for: ClientFor) -> None:
    """What comes in small pieces between long pauses of our own is not the peer's slowness."""
    data = BLOB[: 256 * 1024 + 3]
    embedded.store.repository("some/image").blobs[str(Digest.of(data))] = data
    client = client_for(embedded, retries=0, timeouts=Timeouts(connect=5, idle=0.2))
    collected = b""
    for chunk in client.blob(Digest.of(data), len(data)):
        collected += bytes(chunk)
        time.sleep(0.3)
    assert collected == data


@pytest.mark.parametrize("host", ["http://a..b/x", f"http://{'a' * 64}.example/x"])
def test_a_redirect_to_what_is_no_host_name(client: RegistryClient, embedded: EmbeddedRegistry, host: str) -> None:
    embedded.fail(Fault(path=BLOBS, status=307, headers={"Location": host}))
    with pytest.raises(TransferError, match="there is no host"):
        read(client)


def test_closing_early_hangs_up(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    chunks = client.blob(DIGEST, len(BLOB))
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]  # a generator, as every caller that stops early knows
    assert read(client) == BLOB


def test_many_threads_share_a_client(client: RegistryClient) -> None:
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(read(client))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [BLOB] * 6


def test_an_ipv6_address(start: Callable[..., EmbeddedRegistry], client_for: ClientFor, image: BuiltImage) -> None:
    registry = start(address="::1")
    registry.add(image, "some/image", "v1")
    assert registry.host.startswith("[::1]:")
    assert client_for(registry).manifest("v1")[0].raw == image.manifest.raw
    assert registry.requests[-1].headers["host"] == registry.host


def test_a_missing_blob_and_a_missing_manifest(client: RegistryClient) -> None:
    with pytest.raises(NotFound, match=r"does not have the blob sha256:e3b0"):
        read(client, Digest.of(b""))
    with pytest.raises(NotFound, match=r"does not have the manifest .*some/image:v2 \(404: MANIFEST_UNKNOWN"):
        client.manifest("v2")


def test_forbidden(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault(path=MANIFESTS, status=403, body=b"go away"))
    with pytest.raises(AccessDenied, match=r"denies access to the manifest .* \(403: go away\)"):
        client.manifest("v1")


def test_a_manifest_comes_with_its_type_and_digest(client: RegistryClient, image: BuiltImage) -> None:
    document, digest = client.manifest("v1")
    assert (document.raw, document.media_type, digest) == (image.manifest.raw, image.root.media_type, image.root.digest)
    assert client.manifest(str(digest))[0].raw == image.manifest.raw


def test_an_index_is_offered_too(embedded: EmbeddedRegistry, client: RegistryClient, image: BuiltImage) -> None:
    index = build_index([image])
    embedded.add(index, "some/image", "all")
    document, _ = client.manifest("all")
    assert document.media_type == OCI_INDEX
    accepted = embedded.seen("GET", MANIFESTS)[-1].headers["accept"]
    assert OCI_INDEX in accepted and "prettyjws" not in accepted


def test_a_digest_is_compared_with_the_bytes_and_not_with_the_header(
    client: RegistryClient, embedded: EmbeddedRegistry, image: BuiltImage
) -> None:
    other = build_image([layer_tar(("other", "x"))])
    repository = embedded.store.repository("some/image")
    wanted = str(image.root.digest)
    repository.manifests[wanted] = other.manifest.raw, other.root.media_type
    embedded.fail(Fault(path=MANIFESTS, headers={"Docker-Content-Digest": wanted}))
    with pytest.raises(DigestMismatch, match="another manifest than"):
        client.manifest(wanted)


def test_a_header_that_names_other_bytes_is_refused(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault(path=MANIFESTS, headers={"Docker-Content-Digest": str(DIGEST)}))
    with pytest.raises(DigestMismatch, match="has another digest"):
        client.manifest("v1")


def test_a_manifest_whose_type_is_disputed_is_refused(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault(path=MANIFESTS, headers={"Content-Type": OCI_INDEX}))
    with pytest.raises(InvalidImage, match="itself says"):
        client.manifest("v1")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", None, "text/plain"])
def test_an_oci_manifest_needs_no_type_to_be_known(
    client: RegistryClient, embedded: EmbeddedRegistry, content_type: str | None
) -> None:
    bare = build_image([layer_tar(("a", "b"))], family=Family.OCI)
    raw = bare.manifest.raw.replace(b'"mediaType":"application/vnd.oci.image.manifest.v1+json",', b"", 1)
    embedded.store.put_manifest("some/image", "bare", Document(raw, ""))
    embedded.fail(Fault(path=MANIFESTS, headers={"Content-Type": content_type}))
    assert client.manifest("bare")[0].media_type == OCI_MANIFEST


def test_schema_1_is_refused_in_one_sentence(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    raw = b'{"schemaVersion":1,"name":"old","tag":"1","fsLayers":[],"history":[]}'
    embedded.store.put_manifest(
        "some/image", "old", Document(raw, "application/vnd.docker.distribution.manifest.v1+prettyjws")
    )
    with pytest.raises(InvalidImage, match="^the image has a schema 1 manifest"):
        client.manifest("old")


def test_an_endless_manifest_is_cut_off(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.store.put_manifest("some/image", "huge", Document(b" " * (5 << 20), OCI_MANIFEST))
    with pytest.raises(LimitExceeded, match="longer than 4194304 bytes"):
        client.manifest("huge")


def test_an_endless_error_is_cut_off(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault(path=MANIFESTS, status=418, body=b"x" * (1 << 20)))
    with pytest.raises(TransferError, match="418") as caught:
        client.manifest("v1")
    assert len(str(caught.value)) < 500


def test_the_size_of_a_blob_without_its_bytes(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    assert client.blob_size(DIGEST) == len(BLOB)
    assert client.blob_size(Digest.of(b"nothing")) is None
    embedded.fail(Fault(method="HEAD", headers={"Content-Length": None}))
    assert client.blob_size(DIGEST) is None and client.has_blob(DIGEST)


def test_the_body_is_never_compressed_on_the_way(client: RegistryClient, embedded: EmbeddedRegistry) -> None:
    client.manifest("v1")
    assert embedded.requests[-1].headers["accept-encoding"] == "identity"
    assert embedded.requests[-1].headers["user-agent"].startswith("occystrap/")


def test_a_rate_limit_limits(client_for: ClientFor, embedded: EmbeddedRegistry, client: RegistryClient) -> None:
    limited = client_for(embedded, rate_limit=20.0)
    began = time.monotonic()
    threads = [threading.Thread(target=limited.has_blob, args=(DIGEST,)) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began >= 8 / 20


def test_an_idle_connection_that_the_server_closed_is_not_used_again(
    client: RegistryClient, embedded: EmbeddedRegistry
) -> None:
    client.manifest("v1")
    for connection in list(embedded._connections):
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    time.sleep(0.05)
    client.manifest("v1")
    assert client.traffic.retries == 0


def test_no_more_transfers_at_a_time_than_allowed(
    embedded: EmbeddedRegistry, client_for: ClientFor, client: RegistryClient
) -> None:
    patient = client_for(embedded, max_transfers=1)
    first = patient.blob(DIGEST, len(BLOB))
    next(first)
    results: list[bytes] = []
    second = threading.Thread(target=lambda: results.append(read(patient)))
    second.start()
    time.sleep(0.1)
    assert len(embedded.seen("GET", BLOBS)) == 1
    first.close()  # type: ignore[attr-defined]  # a generator, as every caller that stops early knows
    second.join()
    assert results == [BLOB]
    with pytest.raises(OptionError, match="is less than 1"):
        client_for(embedded, max_transfers=0)
