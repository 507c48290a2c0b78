"""What a registry's answer to a manifest request is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import DigestMismatch, InvalidDigest, InvalidImage
from occystrap_core.model.media_types import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    DOCKER_SCHEMA1,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_MANIFEST,
)

ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST))
_DOCUMENTS = INDEXES | MANIFESTS


def identified(raw: bytes, headers: Mapping[str, str], wanted: str) -> tuple[Document, Digest]:
    """The document that `raw` is, and its digest.

    `wanted` is the tag or digest it was asked for by; the bytes must match a digest, and also
    the one that the registry puts into a header.
    """
    digest = Digest.parse(wanted) if ":" in wanted else Digest.of(raw)
    _require_match(raw, digest, f"the registry sent another manifest than {digest}")
    claimed = claimed_digest(headers)
    if claimed:
        _require_match(raw, claimed, f"the registry calls a manifest {claimed} that has another digest")
    return Document(raw, _media_type(Document(raw, "manifest").json, headers)), digest


def described(raw: bytes, headers: Mapping[str, str], wanted: str) -> Descriptor:
    """What is said of bytes that nobody checked yet: by whoever asked for a digest, or by the registry."""
    digest = Digest.parse(wanted) if ":" in wanted else claimed_digest(headers) or Digest.of(raw)
    sent = _sent_type(headers)
    return Descriptor(sent if sent in _DOCUMENTS | DOCKER_SCHEMA1 else "", digest, len(raw))


def claimed_digest(headers: Mapping[str, str]) -> Digest | None:
    """Docker-Content-Digest, where it is one that can be checked."""
    try:
        return Digest.parse(headers.get("docker-content-digest", ""))
    except InvalidDigest:
        return None


def _require_match(raw: bytes, digest: Digest, message: str) -> None:
    if not digest.matches(raw):
        raise DigestMismatch(message, hint=f"what it sent has {Digest.of(raw, digest.algorithm)}")


def _media_type(json: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    sent = _sent_type(headers)
    written = json.get("mediaType") or ""
    if sent in DOCKER_SCHEMA1 or written in DOCKER_SCHEMA1 or json.get("schemaVersion") == 1:
        raise InvalidImage(
            "the image has a schema 1 manifest, which docker gave up in 2019", hint="push it again with a newer docker"
        )
    if written in _DOCUMENTS and sent in _DOCUMENTS and written != sent:
        raise InvalidImage(f"the registry sends a manifest as {sent}, and the manifest itself says {written}")
    named = written if written in _DOCUMENTS else sent
    return named if named in _DOCUMENTS else _shape(json)


def _sent_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _shape(json: Mapping[str, Any]) -> str:
    """OCI documents may leave their type out, and some servers send them as plain JSON."""
    if isinstance(json.get("manifests"), list) and "layers" not in json:
        return OCI_INDEX
    if isinstance(json.get("layers"), list) and "manifests" not in json:
        return OCI_MANIFEST
    raise InvalidImage("the registry sent something that is neither a manifest nor an index")
