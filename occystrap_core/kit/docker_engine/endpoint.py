"""Where the daemon is: a socket file, or a host behind TCP with or without TLS."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from occystrap_core.kit.distribution.connection import Door, PlainConnection, SecureConnection, UnixConnection
from occystrap_core.kit.docker_engine.context import current_context, docker_directory
from occystrap_core.model.errors import AccessDenied, OccystrapError, TransferError, UsageError

DOCKER_SOCKET = Path("/var/run/docker.sock")
PODMAN_SOCKET = Path("/run/podman/podman.sock")
_PLAIN_PORT, _TLS_PORT = 2375, 2376
_FORMS = "write it as unix:///path or tcp://host:port"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`location` is the socket's path or `host:port`. `note` is a sentence for the user where the daemon
    is another than might be expected, else empty. `socket` is set for a socket file."""

    location: str
    make: Callable[[float], HTTPConnection]
    note: str = ""
    socket: Path | None = None

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"the daemon at {self.location}"

    @property
    def door(self) -> Door:
        return Door(self.name, self.make, self._explained)

    def _explained(self, error: OSError) -> OccystrapError:
        if isinstance(error, PermissionError):
            return AccessDenied(
                f"{self.name} may not be spoken to by this user", hint="be root, or a member of the docker group"
            )
        if self.socket and (isinstance(error, FileNotFoundError) or error.errno == errno.ENOTSOCK):
            return TransferError(
                f"there is no docker daemon: {self.socket} is no socket",
                hint="start docker or podman.socket, or name another with ?socket=/path or DOCKER_HOST",
            )
        if isinstance(error, ssl.SSLCertVerificationError):
            return TransferError(
                f"the certificate of {self.name} is not trusted: {error.verify_message}",
                hint="DOCKER_CERT_PATH names the folder with its authority, ca.pem",
            )
        if isinstance(error, ConnectionRefusedError):
            return TransferError(f"{self.name} is not running: the connection was refused")
        return TransferError(f"{self.name} cannot be reached: {error.strerror or str(error) or type(error).__name__}")


def find_endpoint(
    socket: str = "",
    environ: Mapping[str, str] | None = None,
    docker_socket: Path = DOCKER_SOCKET,
    podman_socket: Path = PODMAN_SOCKET,
) -> Endpoint:
    """The daemon of the `socket` option, of DOCKER_HOST, of docker's context, or of the usual sockets."""
    environ = os.environ if environ is None else environ
    if socket:
        return unix_endpoint(Path(socket.removeprefix("unix://")))
    if host := environ.get("DOCKER_HOST"):
        return _endpoint(host, "DOCKER_HOST", _certificates(environ), verify=True)
    if context := current_context(environ):
        where = f"the docker context {context.name!r}"
        return _endpoint(context.host, where, context.certificates, context.verify, f"used {where}, {context.host}")
    return _usual_endpoint(environ, docker_socket, podman_socket)


def unix_endpoint(path: Path, note: str = "") -> Endpoint:
    return Endpoint(str(path), partial(UnixConnection, str(path)), note, path)


def _usual_endpoint(environ: Mapping[str, str], docker_socket: Path, podman_socket: Path) -> Endpoint:
    runtime = environ.get("XDG_RUNTIME_DIR")
    own = [Path(runtime) / "podman" / "podman.sock"] if runtime else []
    if not docker_socket.exists():
        for path in (podman_socket, *own):
            if path.exists():
                return unix_endpoint(path, f"there is no {docker_socket}, so podman's {path} was used")
    return unix_endpoint(docker_socket)


def _certificates(environ: Mapping[str, str]) -> Path | None:
    """The folder of the TLS files, where TLS is asked for."""
    named = environ.get("DOCKER_CERT_PATH")
    if named:
        return Path(named)
    return docker_directory(environ) if environ.get("DOCKER_TLS_VERIFY") or environ.get("DOCKER_TLS") else None


def _endpoint(host: str, where: str, certificates: Path | None, verify: bool, note: str = "") -> Endpoint:
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "tcp", host
    if scheme == "unix" and rest:
        return unix_endpoint(Path(rest), note)
    if scheme == "ssh":
        raise UsageError(
            f"{where} names {host}, and ssh is not spoken here",
            hint="forward the socket with ssh -L ./docker.sock:/var/run/docker.sock and add ?socket=./docker.sock",
        )
    if scheme not in ("tcp", "http", "https"):
        raise UsageError(f"{where} names {host!r}, which is no daemon that can be reached", hint=_FORMS)
    secure = certificates is not None or scheme == "https"
    name, port = _host_and_port(rest, where, _TLS_PORT if secure else _PLAIN_PORT)
    make = _secure(name, port, certificates, verify) if secure else partial(_plain, name, port)
    return Endpoint(f"{name}:{port}", make, note)


def _host_and_port(rest: str, where: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{rest}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if not parts.hostname or parts.username:
        raise UsageError(f"{where} names {rest!r}, which is no host", hint=_FORMS)
    return parts.hostname, port or default_port


def _plain(host: str, port: int, timeout: float) -> HTTPConnection:
    return PlainConnection(host, port, timeout=timeout)


def _secure(host: str, port: int, certificates: Path | None, verify: bool) -> Callable[[float], HTTPConnection]:
    context = _tls(certificates, verify)
    return lambda timeout: SecureConnection(host, port, timeout=timeout, context=context)


def _tls(certificates: Path | None, verify: bool) -> ssl.SSLContext:
    """With the authority ca.pem and the client's cert.pem and key.pem, as far as they are there."""
    authority = certificates / "ca.pem" if certificates else None
    try:
        context = ssl.create_default_context(cafile=authority if authority and authority.exists() else None)
        if certificates and (certificates / "cert.pem").exists():
            context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem", password="")
    except OSError as error:
        raise UsageError(f"the certificates in {certificates} cannot be used: {error.strerror or error}") from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
