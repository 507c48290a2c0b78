"""Whether a pushed manifest is one, and what it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from occystrap_core.kit.distribution.server.refusal import Refusal
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.document import Document
from occystrap_core.model.errors import ContentError
from occystrap_core.model.media_types import INDEXES, MANIFESTS, OCI_INDEX, OCI_MANIFEST

_ELSEWHERE = ("foreign", "nondistributable")


def read_manifest(raw: bytes, content_type: str) -> Document:
    """A document whose type is beyond doubt: header, `mediaType` and fields agree."""
    try:
        parsed = Document(raw, "manifest").json
    except ContentError as error:
        raise _invalid("it is not the strict JSON that manifests are written in") from error
    declared = content_type.partition(";")[0].strip().lower()
    media_type = parsed.get("mediaType", declared) or _type_by_shape(parsed)
    if not isinstance(media_type, str):
        raise _invalid("its mediaType is no text")
    if media_type != (declared or media_type):
        raise _invalid("its Content-Type is not its mediaType")
    if "manifests" in parsed and ("layers" in parsed or "config" in parsed):
        raise _invalid("it has the fields of an index and of a manifest")
    if media_type not in INDEXES | MANIFESTS or ("manifests" in parsed) != (media_type in INDEXES):
        raise _invalid("it is neither an image manifest nor an index")
    return Document(raw, media_type)


def named_blobs(document: Document) -> Iterator[Descriptor]:
    """The config and the layers of a manifest, without those that lie somewhere else by design."""
    if document.media_type in MANIFESTS:
        yield _descriptor(document.json.get("config"))
        for layer in _list(document.json.get("layers", [])):
            found = _descriptor(layer)
            if not any(word in found.media_type for word in _ELSEWHERE):
                yield found


def named_manifests(document: Document) -> Iterator[Descriptor]:
    if document.media_type in INDEXES:
        yield from map(_descriptor, _list(document.json.get("manifests")))


def _descriptor(obj: object) -> Descriptor:
    try:
        return Descriptor.from_json(obj)
    except ContentError as error:
        raise _invalid("one of its descriptors is malformed") from error


def _list(obj: object) -> list[object]:
    if not isinstance(obj, list):
        raise _invalid("its layers or manifests are no list")
    return obj


def _type_by_shape(parsed: Mapping[str, Any]) -> str:
    return OCI_INDEX if "manifests" in parsed else OCI_MANIFEST


def _invalid(reason: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "MANIFEST_INVALID", f"the manifest is refused: {reason}")
