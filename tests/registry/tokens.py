"""A server of the signed tokens that docker-registry takes."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import load_pem_x509_certificate

LIFETIME = 300


class TokenServer:
    """Gives `users` whatever access they ask for; `asked` are the scopes."""

    def __init__(self, directory: Path, users: Mapping[str, str]) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.users = users
        authority = trustme.CA()
        self._bundle = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(self._bundle))
        issued = authority.issue_cert("tokens.test")
        key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        self._key = key
        certificate = load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())
        self._x5c = [b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def registry_config(self) -> str:
        realm = f"http://127.0.0.1:{self._server.server_address[1]}/auth"
        token = f"realm: {realm}, service: test, issuer: tokens.test, rootcertbundle: {self._bundle}"
        return f"auth: {{token: {{{token}}}}}"

    def token(self, scopes: tuple[str, ...]) -> str:
        header = {"typ": "JWT", "alg": "ES256", "x5c": self._x5c}
        now = int(time.time())
        claims = {
            "iss": "tokens.test", "aud": "test", "sub": "ann", "jti": str(time.monotonic_ns()),
            "iat": now, "nbf": now - 5, "exp": now + LIFETIME, "access": [_access(scope) for scope in scopes],
        }  # fmt: skip
        signed = f"{_encoded(header)}.{_encoded(claims)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def __enter__(self) -> TokenServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                scopes = tuple(parse_qs(urlsplit(self.path).query).get("scope", []))
                server.asked.append(scopes)
                known = any(
                    self.headers.get("Authorization") == f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
                    for user, password in server.users.items()
                )
                body = json.dumps({"token": server.token(scopes), "expires_in": LIFETIME} if known else {}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """The tests ask for `asked`."""

        return Handler


def _access(scope: str) -> dict[str, Any]:
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _encoded(obj: object) -> str:
    return _base64(json.dumps(obj).encode())


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
