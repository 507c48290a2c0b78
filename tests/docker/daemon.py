"""A daemon for tests: the Docker Engine API over a socket file, with images in the layouts of
daemons that cannot run here."""

from __future__ import annotations

import json
import select
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from occystrap_core.kit.oci_layout.names import blob_file
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import OCI_INDEX
from occystrap_core.testing.build import BuiltImage, BuiltIndex, Content, Member, directory, layer_tar, symlink

NAME = "ns/app:v1"


def _already_set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Daemon:
    """`images` are what inspect says and what export sends, by name. `break_export` cuts the
    connection in the middle; an export waits for `go_on` before its last bytes. `stalls` reads no
    further, `load_says` is what it answers to a load; `loaded` is what came."""

    socket: Path
    images: dict[str, tuple[Mapping[str, Any], bytes]] = field(default_factory=dict)
    version: Mapping[str, Any] = field(default_factory=lambda: {"Version": "29.0.0"})
    info: Mapping[str, Any] = field(default_factory=lambda: {"Driver": "overlay2", "DriverStatus": None})
    break_export: bool = False
    go_on: threading.Event = field(default_factory=_already_set)
    stalls: bool = False
    load_status: int = 200
    load_says: bytes = b'{"stream":"Loaded image: ns/app:v1\\n"}\n'
    loaded: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def has(self, inspected: Mapping[str, Any], archive: bytes, name: str = NAME) -> None:
        self.images[name] = inspected, archive


def inspected(image: BuiltImage, image_id: Digest) -> dict[str, Any]:
    diff_ids = [str(layer.diff_id) for layer in image.layers]
    return {"Id": str(image_id), "RepoTags": [NAME], "RootFS": {"Type": "layers", "Layers": diff_ids}}


def docker_24(image: BuiltImage, *, shared: int | None = None) -> bytes:
    """A folder for each layer, sorted by names that say nothing; the layer `shared` is a link to the first."""
    folders = [f"{Digest.of(b'%d' % n).hex}" for n in range(len(image.layers))]
    members: list[tuple[str, list[Member]]] = []
    for position, (folder, layer) in enumerate(zip(folders, image.layers, strict=True)):
        tar: Member = (f"{folder}/layer.tar", layer.tar)
        if position == shared:
            tar = symlink(f"{folder}/layer.tar", f"../{folders[0]}/layer.tar")
        members.append((folder, [directory(folder), (f"{folder}/VERSION", "1.0"), (f"{folder}/json", "{}"), tar]))
    config = f"{image.config.digest.hex}.json"
    members.append((config, [(config, image.config.raw)]))
    listed = manifest_json(config, [f"{folder}/layer.tar" for folder in folders])
    in_order = [member for _, group in sorted(members, key=lambda each: each[0]) for member in group]
    return layer_tar(*in_order, listed, ("repositories", '{"ns/app":{"v1":"x"}}'))


def docker_25(image: BuiltImage) -> bytes:
    """An image layout sorted by digest, its layers uncompressed, and manifest.json."""
    listed = manifest_json(
        blob_file(image.config.digest), [blob_file(layer.descriptor.digest) for layer in image.layers]
    )
    return layer_tar(*_layout(image, image), listed)


def containerd(content: BuiltImage | BuiltIndex, here: BuiltImage) -> bytes:
    """What containerd keeps, compressed as it was pulled: of an index, the image for this machine alone."""
    listed = manifest_json(blob_file(here.config.digest), [blob_file(layer.descriptor.digest) for layer in here.layers])
    return layer_tar(*_layout(content, here), listed)


def podman(image: BuiltImage) -> bytes:
    """Layers in order under their digests, with links to them where docker once had folders."""
    tars: list[Member] = [(f"{Digest.of(layer.tar).hex}.tar", layer.tar) for layer in image.layers]
    config = f"{image.config.digest.hex}.json"
    links: list[Member] = []
    for position, layer in enumerate(image.layers):
        folder = Digest.of(b"podman %d" % position).hex
        links.append(symlink(f"{folder}/layer.tar", f"../{Digest.of(layer.tar).hex}.tar"))
        links.append((f"{folder}/VERSION", "1.0"))
    listed = manifest_json(config, [f"{Digest.of(layer.tar).hex}.tar" for layer in image.layers])
    return layer_tar(*tars, (config, image.config.raw), *links, listed)


def manifest_json(config: str, layers: Iterable[str]) -> Member:
    return "manifest.json", json.dumps([{"Config": config, "RepoTags": [NAME], "Layers": list(layers)}])


def _layout(content: BuiltImage | BuiltIndex, here: BuiltImage) -> Iterator[Member]:
    found: Content = here
    blobs = {**found.blobs, **found.documents}
    if isinstance(content, BuiltIndex):
        blobs[content.index.digest] = content.index.raw
    yield directory("blobs")
    yield directory("blobs/sha256")
    for digest in sorted(blobs, key=str):
        yield blob_file(digest), blobs[digest]
    entry = {
        "mediaType": content.root.media_type,
        "digest": str(content.root.digest),
        "size": content.root.size,
        "annotations": {"io.containerd.image.name": f"docker.io/{NAME}", "org.opencontainers.image.ref.name": "v1"},
    }
    yield "index.json", json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    yield "oci-layout", '{"imageLayoutVersion":"1.0.0"}'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    daemon: Daemon

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.daemon.asked.append(f"GET {path}")
        if answer := {"/version": self.daemon.version, "/info": self.daemon.info}.get(path):
            return self._answer(200, json.dumps(answer).encode())
        if path == "/images/json":
            return self._answer(200, json.dumps([{"Id": name} for name in self.daemon.images]).encode())
        name, _, action = path.removeprefix("/images/").rpartition("/")
        if name not in self.daemon.images:
            return self._answer(404, json.dumps({"message": f"No such image: {name}"}).encode())
        details, archive = self.daemon.images[name]
        if action == "json":
            return self._answer(200, json.dumps(details).encode())
        return self._stream(archive)

    def do_POST(self) -> None:
        while self.daemon.stalls and not _is_cut_off(self.connection):
            time.sleep(0.02)
        body = self._body()
        self.daemon.asked.append(f"POST {urlsplit(self.path).path}")
        self.daemon.loaded.append(body)
        self._answer(self.daemon.load_status, self.daemon.load_says)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, archive: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-tar")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end = len(archive) // 2 if self.daemon.break_export else len(archive)
        for start in range(0, end, 1000):
            piece = archive[start : min(start + 1000, end)]
            if start + 3000 > end:
                self.daemon.go_on.wait(20)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if self.daemon.break_export:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> bytes:
        collected = b""
        while size := int(self.rfile.readline(), 16):
            collected += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return collected

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that break off, or do not trust us, are what these tests are about."""


class _UnixServer(_Server):
    address_family = socket.AF_UNIX


@contextmanager
def running(directory: Path) -> Iterator[Daemon]:
    daemon = Daemon(directory / "daemon.sock")
    with _served(_UnixServer(str(daemon.socket), _handler_of(daemon))):
        yield daemon


@contextmanager
def running_on_tcp(daemon: Daemon, context: ssl.SSLContext | None) -> Iterator[int]:
    """The same daemon behind a port of 127.0.0.1, with TLS where a context is given."""
    server = _Server(("127.0.0.1", 0), _handler_of(daemon))
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with _served(server):
        yield server.server_address[1]


def _is_cut_off(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return bool(poll.poll(0))


def _handler_of(daemon: Daemon) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"daemon": daemon})


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
