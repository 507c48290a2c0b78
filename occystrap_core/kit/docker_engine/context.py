"""Docker contexts: which daemon the docker command would talk to, as its configuration says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occystrap_core.model import strict_json
from occystrap_core.model.errors import InvalidJson, UsageError

_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Context:
    """`certificates` is the folder of its TLS files, where it has one."""

    name: str
    host: str
    certificates: Path | None
    verify: bool


def current_context(environ: Mapping[str, str]) -> Context | None:
    """The context in use; None where that is docker's default one, which is no file."""
    directory = docker_directory(environ)
    name = environ.get("DOCKER_CONTEXT") or _configured(directory / "config.json")
    if not name or name == _DEFAULT:
        return None
    return _context(directory / "contexts", name)


def docker_directory(environ: Mapping[str, str]) -> Path:
    configured = environ.get("DOCKER_CONFIG")
    return Path(configured) if configured else Path(environ.get("HOME") or "/") / ".docker"


def _configured(path: Path) -> str:
    """A file that is absent or unreadable configures nothing, as for docker itself."""
    try:
        found = strict_json.loads_object(path.read_bytes(), str(path)).get("currentContext")
    except (OSError, InvalidJson):
        return ""
    return found if isinstance(found, str) else ""


def _context(directory: Path, name: str) -> Context:
    folder = hashlib.sha256(name.encode()).hexdigest()
    path = directory / "meta" / folder / "meta.json"
    try:
        described = strict_json.loads_object(path.read_bytes(), str(path))
    except OSError:
        raise UsageError(
            f"the docker context {name!r} does not exist", hint="docker context ls lists those that do"
        ) from None
    endpoint = _docker_endpoint(described)
    host = endpoint.get("Host")
    if not isinstance(host, str) or not host:
        raise UsageError(f"the docker context {name!r} names no docker daemon")
    certificates = directory / "tls" / folder / "docker"
    return Context(
        name, host, certificates if certificates.is_dir() else None, endpoint.get("SkipTLSVerify") is not True
    )


def _docker_endpoint(described: Mapping[str, Any]) -> Mapping[str, Any]:
    endpoints = described.get("Endpoints")
    found = endpoints.get("docker") if isinstance(endpoints, dict) else None
    return found if isinstance(found, dict) else {}
