"""Credentials: what was given on the command line, else what docker and podman have stored."""

from __future__ import annotations

import binascii
import logging
import os
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from occystrap_core.kit.distribution.failures import shown
from occystrap_core.model import strict_json
from occystrap_core.model.errors import OccystrapError, UsageError
from occystrap_core.model.reference import DOCKER_HUB, Reference
from occystrap_core.model.value import value

_HUB_KEYS = ("docker.io", "https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io")
_IDENTITY_USER = "<token>"
_log = logging.getLogger(__name__)


@value
class Credentials:
    """A user and a password, or an identity token that stands for both. `origin` says who gave them."""

    username: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)
    origin: str = "the command line"


def stored_credentials(reference: Reference) -> Credentials | None:
    """The credentials of this repository, from the first of docker's and podman's files that has some."""
    for path in _files():
        found = _from_file(path, reference)
        if found:
            return found
    return None


def _files() -> Iterator[Path]:
    explicit = os.environ.get("REGISTRY_AUTH_FILE")
    if explicit:
        yield Path(explicit)
        return
    docker = os.environ.get("DOCKER_CONFIG")
    if docker:
        yield Path(docker) / "config.json"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        yield Path(runtime) / "containers" / "auth.json"
    home = Path(os.environ.get("HOME") or "/")
    yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "containers" / "auth.json"
    if not docker:
        yield home / ".docker" / "config.json"


def _from_file(path: Path, reference: Reference) -> Credentials | None:
    config = _read(path)
    helper = _helper_for(config, reference, path)
    if helper:
        return _from_helper(helper, reference)
    auths = _object(config, "auths", path)
    for key in _keys(reference):
        found = _from_entry(auths.get(key), key, path)
        if found:
            return found
    store = config.get("credsStore")
    return _from_helper(store, reference) if isinstance(store, str) and store else None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return strict_json.loads_object(path.read_bytes(), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except PermissionError:
        _log.warning("%s cannot be read, its credentials are not used", path)
        return {}


def _object(config: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    found = config.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UsageError(f"{path}: {key!r} must be a JSON object")
    return {_normalised(name): value for name, value in found.items()} | found


def _normalised(key: str) -> str:
    """`https://host/v1/`, as old dockers wrote it, means the host; `host/namespace` stays."""
    if "://" not in key:
        return key.removesuffix("/v1/").removesuffix("/v2/")
    return key.partition("://")[2].partition("/")[0]


def _keys(reference: Reference) -> Iterator[str]:
    """The longest name first: `host/a/b`, `host/a`, `host`."""
    name = f"{reference.registry}/{reference.repository}"
    while "/" in name:
        yield name
        name = name.rpartition("/")[0]
    yield from _host_keys(reference)


def _host_keys(reference: Reference) -> tuple[str, ...]:
    return _HUB_KEYS if reference.registry == DOCKER_HUB else (reference.registry,)


def _helper_for(config: Mapping[str, Any], reference: Reference, path: Path) -> str:
    helpers = _object(config, "credHelpers", path)
    for key in _host_keys(reference):
        name = helpers.get(key)
        if isinstance(name, str) and name:
            return name
    return ""


def _from_helper(name: str, reference: Reference) -> Credentials | None:
    from occystrap_core.kit.distribution.credential_helper import ask_helper  # few have one

    for key in _host_keys(reference)[:2]:
        try:
            found = ask_helper(name, key)
        except OccystrapError as error:
            _log.warning("%s; its credentials are not used", error)
            return None
        if found:
            return _of(*found, origin=f"docker-credential-{name}")
    return None


def _from_entry(entry: object, key: str, path: Path) -> Credentials | None:
    if not isinstance(entry, dict):
        return None
    token = str(entry.get("identitytoken") or "")
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        username, password = _decoded(entry["auth"], key, path)
    if not token and not (username and password):
        return None
    return Credentials(username, password, token, origin=str(path))


def _decoded(auth: object, key: str, path: Path) -> tuple[str, str]:
    try:
        username, colon, password = b64decode(str(auth), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if not colon:
        raise UsageError(f"{path}: 'auth' of {shown(key)} is not base64 of user:password", hint="log in again")
    return username, password.rstrip("\0")


def _of(username: str, secret: str, origin: str) -> Credentials:
    if username == _IDENTITY_USER:
        return Credentials("", "", secret, origin)
    return Credentials(username, secret, origin=origin)
