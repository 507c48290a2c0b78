"""What a request's path and query name, or that they name nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from urllib.parse import parse_qsl

from occystrap_core.kit.distribution.server.refusal import Refusal
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidDigest
from occystrap_core.model.reference import is_repository, is_tag

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs/uploads|blobs|tags)/(?P<rest>[^/]*)")
_UPLOAD = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Kind(Enum):
    ROOT = "root"
    MANIFEST = "manifests"
    BLOB = "blobs"
    UPLOAD = "blobs/uploads"
    TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Route:
    """`rest` is a tag or digest, a digest, or an upload's number; empty where one is to begin."""

    kind: Kind
    repository: str = ""
    rest: str = ""
    query: Mapping[str, str] | None = None

    def asked(self, key: str) -> str:
        return (self.query or {}).get(key, "")


def route(target: str) -> Route:
    path, _, query = target.partition("?")
    path = path.replace("%3A", ":").replace("%3a", ":")
    if path in ("/v2", "/v2/"):
        return Route(Kind.ROOT)
    # No name has any other character that needs escaping, so an escape is an attempt at something.
    if "%" in path or not (found := _PATH.fullmatch(path)):
        raise Refusal(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", "there is nothing at this path")
    kind, name, rest = Kind(found["kind"]), found["name"], found["rest"]
    if not is_repository(name):
        raise Refusal(HTTPStatus.BAD_REQUEST, "NAME_INVALID", "this is not a repository's name")
    _check_rest(kind, rest)
    return Route(kind, name, rest, _query(query))


def digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "DIGEST_INVALID", "this is not a sha256 or sha512 digest") from error


def _check_rest(kind: Kind, rest: str) -> None:
    if kind is Kind.BLOB or (kind is Kind.MANIFEST and ":" in rest):
        digest(rest)
    elif kind is Kind.MANIFEST and not is_tag(rest):
        raise Refusal(HTTPStatus.BAD_REQUEST, "MANIFEST_INVALID", "this is not a tag")
    elif kind is Kind.UPLOAD and rest and not _UPLOAD.fullmatch(rest):
        raise Refusal(HTTPStatus.NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "there is no such upload")
    elif kind is Kind.TAGS and rest != "list":
        raise Refusal(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", "there is nothing at this path")


def _query(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "UNSUPPORTED", "the query is malformed") from error
    query = dict(pairs)
    if len(query) != len(pairs):
        raise Refusal(HTTPStatus.BAD_REQUEST, "UNSUPPORTED", "the query says something twice")
    return query
