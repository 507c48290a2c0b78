"""The embedded registry's answers."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from occystrap_core.model.digest import Digest
from occystrap_core.testing.registry.faults import Fault
from occystrap_core.testing.registry.gate import TOKEN_PATH, TokenGate
from occystrap_core.testing.registry.store import Repository

if TYPE_CHECKING:
    from occystrap_core.testing.registry.server import EmbeddedRegistry

_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs/uploads|blobs|tags)/(?P<rest>[^/]*)")
_RANGE = re.compile(r"bytes=(\d+)-")
_NO_FAULT = Fault()


class _Gone(ConnectionError):
    """A fault ended the connection."""


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def refusal(status: int, code: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
    return Reply(status, {"Content-Type": "application/json"}, body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    @property
    def registry(self) -> EmbeddedRegistry:
        found: EmbeddedRegistry = self.server.registry  # type: ignore[attr-defined]  # set by EmbeddedRegistry
        return found

    def setup(self) -> None:
        super().setup()
        self.registry.opened(self.connection)

    def finish(self) -> None:
        self.registry.closed(self.connection)
        super().finish()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Tests ask for `requests` instead."""

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_GET

    def _serve(self) -> None:
        from occystrap_core.testing.registry.server import SeenRequest

        headers = {name.lower(): value for name, value in self.headers.items()}
        self.registry.requests.append(SeenRequest(self.command, self.path, headers))
        self._unread = int(headers.get("content-length", 0))
        self._fault = self.registry.faults.next(self.command, self.path) or _NO_FAULT
        self._send(self._planned() or self._admitted())
        if self._unread:
            self.close_connection = True

    def _planned(self) -> Reply | None:
        """The reply of a fault that keeps the work from being done."""
        fault = self._fault
        if not fault.status or fault.after_work:
            return None
        if not fault.early:
            self._body()
        return Reply(fault.status, {}, fault.body)

    def _admitted(self) -> Reply:
        gate = self.registry.gate
        authorization = self.headers.get("Authorization", "")
        parts = urlsplit(self.path)
        if parts.path == TOKEN_PATH and isinstance(gate, TokenGate):
            answer = gate.answer(parts.query, authorization, self._body().decode())
            return Reply(200, {}, json.dumps(answer).encode()) if answer else refusal(401, "UNAUTHORIZED")
        challenge = gate.challenge(authorization, self.registry.url) if gate else ""
        if challenge:
            self._body()
            reply = refusal(401, "UNAUTHORIZED")
            reply.headers["WWW-Authenticate"] = challenge
            return reply
        return self._worked(parts.path, {key: values[0] for key, values in parse_qs(parts.query).items()})

    def _worked(self, path: str, query: dict[str, str]) -> Reply:
        reply = self._routed(path, query)
        if self._fault.after_work:
            if not self._fault.status:
                self._hang_up(reset=True)
            return Reply(self._fault.status, {}, self._fault.body)
        return reply

    def _routed(self, path: str, query: dict[str, str]) -> Reply:
        if path == "/v2/":
            return Reply(200, {}, b"{}")
        found = _ROUTE.fullmatch(path)
        if not found:
            return refusal(404, "NAME_UNKNOWN")
        name, rest = found["name"], found["rest"]
        if found["kind"] == "manifests":
            return self._put_manifest(name, rest) if self.command == "PUT" else self._manifest(name, rest)
        if found["kind"] == "blobs":
            return self._blob(name, rest)
        if found["kind"] == "tags":
            return Reply(200, {}, json.dumps({"name": name, "tags": sorted(self._repository(name).tags)}).encode())
        return self._start_upload(name, query) if self.command == "POST" else self._upload(name, rest, query)

    def _manifest(self, name: str, wanted: str) -> Reply:
        stored = self._repository(name).manifest(wanted)
        if stored is None:
            return refusal(404, "MANIFEST_UNKNOWN")
        raw, media_type = stored
        return Reply(200, {"Content-Type": media_type, "Docker-Content-Digest": str(Digest.of(raw))}, raw)

    def _put_manifest(self, name: str, wanted: str) -> Reply:
        raw = self._body()
        digest = self.registry.store.put_manifest(name, wanted, raw, self.headers.get("Content-Type", ""))
        if digest is None:
            return refusal(400, "DIGEST_INVALID")
        location = f"/v2/{name}/manifests/{digest}"
        return Reply(201, {"Docker-Content-Digest": str(digest), "Location": location})

    def _blob(self, name: str, digest: str) -> Reply:
        blob = self._repository(name).blobs.get(digest)
        if blob is None:
            return refusal(404, "BLOB_UNKNOWN")
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if not asked or self._fault.ignore_range:
            return Reply(200, headers, blob)
        start = int(asked[1])
        if start >= len(blob):
            return refusal(416, "RANGE_INVALID")
        headers["Content-Range"] = f"bytes {start}-{len(blob) - 1}/{len(blob)}"
        return Reply(206, headers, blob[start:])

    def _start_upload(self, name: str, query: dict[str, str]) -> Reply:
        source = self._repository(query.get("from", ""))
        mounted = source.blobs.get(query.get("mount", "")) if self.registry.mounts else None
        if mounted is not None:
            self._repository(name).blobs[query["mount"]] = mounted
            return Reply(201, {"Location": f"/v2/{name}/blobs/{query['mount']}"})
        return self._accepted(name, self.registry.store.start_upload())

    def _upload(self, name: str, number: str, query: dict[str, str]) -> Reply:
        upload = self.registry.store.upload(number)
        if upload is None:
            return refusal(404, "BLOB_UPLOAD_UNKNOWN")
        if self.command == "GET":
            return self._accepted(name, number, status=204)
        if self.command == "DELETE":
            self.registry.store.cancel(number)
            return Reply(204)
        if not self._fits(upload):
            return refusal(416, "RANGE_INVALID")
        self._receive(upload)
        if self.command == "PATCH":
            return self._accepted(name, number)
        if not self.registry.store.finish_upload(number, name, query.get("digest", "")):
            return refusal(400, "DIGEST_INVALID")
        return Reply(201, {"Location": f"/v2/{name}/blobs/{query['digest']}", "Docker-Content-Digest": query["digest"]})

    def _fits(self, upload: bytearray) -> bool:
        claimed = self.headers.get("Content-Range")
        return claimed is None or claimed.split("-")[0] == str(len(upload))

    def _accepted(self, name: str, number: str, status: int = 202) -> Reply:
        path = f"/v2/{name}/blobs/uploads/{number}"
        received = len(self.registry.store.upload(number) or b"")
        locations = {"relative": path, "query": f"{path}?state=a%2Fb%3D&x=1", "absolute": self.registry.url + path}
        location = locations.get(self.registry.location) or f"{self.registry.location}{path}"
        return Reply(status, {"Location": location, "Range": f"0-{max(received - 1, 0)}"})

    def _repository(self, name: str) -> Repository:
        return self.registry.store.repository(name)

    def _body(self) -> bytes:
        body = bytearray()
        self._receive(body)
        return bytes(body)

    def _receive(self, into: bytearray) -> None:
        """Read the request's body, or as much of it as the fault allows."""
        allowed = self._fault.read_only
        while self._unread:
            if allowed is not None and allowed <= 0:
                self._hang_up(reset=True)
            step = min(self._unread, 64 * 1024, allowed if allowed is not None else self._unread)
            piece = self.rfile.read(step)
            if not piece:
                raise _Gone
            into += piece
            self._unread -= len(piece)
            allowed = None if allowed is None else allowed - len(piece)

    def _send(self, reply: Reply) -> None:
        fault = self._fault
        time.sleep(fault.think)
        chunked = self.registry.chunked and "/blobs/sha" in self.path
        self.send_response(reply.status)
        for name, value in self._final_headers(reply, chunked):
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in self._pieces(reply.body):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if fault.cut_after is not None:
            self.wfile.flush()
            time.sleep(fault.stall)
            self._hang_up(fault.reset)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _final_headers(self, reply: Reply, chunked: bool) -> Iterator[tuple[str, str]]:
        length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(reply.body))}
        for name, value in {**reply.headers, **length, **self._fault.headers}.items():
            if value is not None:
                yield name, value

    def _pieces(self, body: bytes) -> Iterator[bytes]:
        fault = self._fault
        if fault.flip is not None:
            body = body[: fault.flip] + bytes([body[fault.flip] ^ 1]) + body[fault.flip + 1 :]
        if fault.cut_after is not None:
            body = body[: fault.cut_after]
        size = 1 if fault.drip else 64 * 1024
        for start in range(0, len(body), size):
            yield body[start : start + size]
            if fault.drip:
                self.wfile.flush()
                time.sleep(fault.drip)

    def _hang_up(self, reset: bool) -> None:
        if reset:
            self.registry.reset_when_closed(self.connection)
        else:
            self.connection.shutdown(socket.SHUT_WR)
        self.close_connection = True
        raise _Gone
