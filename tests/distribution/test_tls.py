"""Registries with TLS, trusted or not, directly and through a proxy."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import trustme

from occystrap_core.kit.distribution import connection
from occystrap_core.kit.distribution.origin import Origin
from occystrap_core.kit.distribution.proxies import Proxy
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import NotFound, TransferError
from occystrap_core.testing.build import BuiltImage, build_image, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.distribution.conftest import ClientFor

Start = Callable[..., EmbeddedRegistry]
BLOB = b"0123456789" * 100_000


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a company does it: its own authority in the system's store."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture
def image() -> BuiltImage:
    return build_image([layer_tar(("etc/motd", "hello"))])


def server_context(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def secure(start: Start, authority: trustme.CA, image: BuiltImage) -> EmbeddedRegistry:
    registry = start(tls=server_context(authority))
    registry.add(image, "some/image", "v1")
    registry.store.repository("some/image").blobs[str(Digest.of(BLOB))] = BLOB
    return registry


@pytest.mark.usefixtures("trusted")
def test_a_trusted_certificate(secure: EmbeddedRegistry, client_for: ClientFor, image: BuiltImage) -> None:
    client = client_for(secure, insecure=False)
    assert client.manifest("v1")[0].raw == image.manifest.raw
    secure.fail(Fault(path="/blobs/", cut_after=300_000, reset=True))
    assert b"".join(map(bytes, client.blob(Digest.of(BLOB)))) == BLOB


def test_an_untrusted_certificate_is_not_tried_again(secure: EmbeddedRegistry, client_for: ClientFor) -> None:
    client = client_for(secure, insecure=False)
    with pytest.raises(TransferError, match=r"is not trusted: .*SSL_CERT_FILE names a file"):
        client.manifest("v1")
    assert client.traffic.retries == 0


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host(start: Start, authority: trustme.CA, client_for: ClientFor) -> None:
    registry = start(tls=server_context(authority, "registry.example.com"))
    with pytest.raises(TransferError, match="is not trusted"):
        client_for(registry, insecure=False).manifest("v1")


def test_tls_asked_of_a_registry_without(embedded: EmbeddedRegistry, client_for: ClientFor) -> None:
    with pytest.raises(TransferError, match="does not speak TLS .*insecure=true"):
        client_for(embedded, insecure=False).manifest("v1")


@pytest.mark.usefixtures("trusted")
def test_a_redirect_away_from_tls_is_refused(
    secure: EmbeddedRegistry, embedded: EmbeddedRegistry, client_for: ClientFor
) -> None:
    secure.fail(Fault(path="/blobs/", status=307, headers={"Location": f"{embedded.url}/x"}))
    with pytest.raises(TransferError, match="without TLS"):
        list(client_for(secure, insecure=False).blob(Digest.of(BLOB)))
    assert not embedded.requests


class Tunnel:
    """A proxy that knows CONNECT and nothing else."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        head = near.recv(65536)
        self.asked.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        far = socket.create_connection((host, int(port)))
        near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        pump = threading.Thread(target=self._both_ways, args=(near, far), daemon=True)
        self._threads.append(pump)
        pump.start()

    def _both_ways(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()
        near.close()
        far.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def tunnel() -> Iterator[Tunnel]:
    with closing(Tunnel()) as running:
        yield running


@pytest.mark.usefixtures("trusted")
def test_tls_goes_through_a_proxy_untouched(
    secure: EmbeddedRegistry,
    client_for: ClientFor,
    image: BuiltImage,
    tunnel: Tunnel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = Proxy("127.0.0.1", tunnel.port, (("Proxy-Authorization", "Basic eHg="),))
    monkeypatch.setattr(connection, "proxy_for", lambda origin: proxy)
    client = client_for(secure, insecure=False)
    assert client.manifest("v1")[0].raw == image.manifest.raw
    client.close()
    assert tunnel.asked[0].startswith(f"CONNECT {secure.host} HTTP/1".encode())
    assert b"Proxy-Authorization: Basic eHg=" in tunnel.asked[0]
    assert not any("proxy-authorization" in request.headers for request in secure.requests)


def test_plain_http_asks_a_proxy_for_the_whole_url(
    embedded: EmbeddedRegistry, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_for_elsewhere(origin: Origin) -> Proxy | None:
        return Proxy(*_split(embedded.host), (("Proxy-Authorization", "Basic eHg="),))

    monkeypatch.setattr(connection, "proxy_for", only_for_elsewhere)
    with pytest.raises(NotFound):
        client_for("registry.example.com", insecure=True).manifest("v1")
    (request,) = embedded.requests
    assert request.path == "http://registry.example.com/v2/some/image/manifests/v1"
    assert request.headers["host"] == "registry.example.com"
    assert request.headers["proxy-authorization"] == "Basic eHg="


def _split(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name, int(port)
