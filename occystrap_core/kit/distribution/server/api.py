"""The OCI distribution API over a store: what a request asks for, and its answer. No sockets here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from occystrap_core.kit.distribution.server import routes
from occystrap_core.kit.distribution.server.body import Body, read_all
from occystrap_core.kit.distribution.server.limits import Limits
from occystrap_core.kit.distribution.server.manifest import named_blobs, named_manifests, read_manifest
from occystrap_core.kit.distribution.server.refusal import Refusal
from occystrap_core.kit.distribution.server.reply import Part, Reply
from occystrap_core.kit.distribution.server.routes import Kind, Route
from occystrap_core.kit.distribution.server.store import BlobStore, StoredBlob
from occystrap_core.kit.distribution.server.upload_api import UploadApi
from occystrap_core.kit.distribution.server.uploads import Uploads
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")
_COUNT = re.compile(r"\d{1,6}")
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` have lower-case names. The body may stay unread."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: Body


def _as_it_is(path: str) -> str:
    return path


class DistributionApi:
    """Called from several threads. `located` makes the Location of an upload from its path."""

    def __init__(
        self,
        store: BlobStore,
        limits: Limits | None = None,
        directory: Path | None = None,
        located: Callable[[str], str] = _as_it_is,
    ) -> None:
        self.limits = limits or Limits()
        self.uploads = Uploads(self.limits, directory)
        self._store = store
        self._upload_api = UploadApi(store, self.uploads, located)

    def answer(self, request: Request) -> Reply:
        """Raises Refusal, and OSError where the disk fails."""
        found = routes.route(request.target)
        if found.kind is Kind.UPLOAD:
            return self._upload_api.answer(request.method, found, request.headers, request.body)
        if found.kind is Kind.MANIFEST and request.method == "PUT":
            return self._put_manifest(found, request)
        if request.method not in _READS:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", "this cannot be done here")
        return self._read(found, request)

    def close(self) -> None:
        self.uploads.close()

    def _read(self, found: Route, request: Request) -> Reply:
        if found.kind is Kind.ROOT:
            return Reply(HTTPStatus.OK, {"Content-Type": "application/json"}, b"{}")
        if found.kind is Kind.TAGS:
            return self._tags(found)
        if found.kind is Kind.MANIFEST:
            return self._manifest(found)
        return self._blob(found, request.headers.get("range", ""))

    def _blob(self, found: Route, asked_range: str) -> Reply:
        blob = self._store.blob(found.repository, Digest.parse(found.rest))
        if blob is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", "there is no such blob")
        headers = {
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": found.rest,
            "Accept-Ranges": "bytes",
        }
        asked = _RANGE.fullmatch(asked_range)
        if not asked:
            return Reply(HTTPStatus.OK, headers, Part(blob, 0, blob.size))
        part = _part(blob, asked)
        headers["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{blob.size}"
        return Reply(HTTPStatus.PARTIAL_CONTENT, headers, part)

    def _manifest(self, found: Route) -> Reply:
        document = self._store.manifest(found.repository, found.rest)
        if document is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN", "there is no such manifest")
        digest = found.rest if ":" in found.rest else str(document.digest)
        return Reply(
            HTTPStatus.OK, {"Content-Type": document.media_type, "Docker-Content-Digest": digest}, document.raw
        )

    def _put_manifest(self, found: Route, request: Request) -> Reply:
        raw = read_all(request.body, self.limits.document_bytes, "a manifest")
        document = read_manifest(raw, request.headers.get("content-type", ""))
        by_digest = ":" in found.rest
        if by_digest and not Digest.parse(found.rest).matches(raw):
            raise Refusal(HTTPStatus.BAD_REQUEST, "DIGEST_INVALID", "the manifest has another digest")
        self._require_complete(found.repository, document)
        self._store.put_manifest(found.repository, "" if by_digest else found.rest, document)
        digest = found.rest if by_digest else str(document.digest)
        location = f"/v2/{found.repository}/manifests/{digest}"
        return Reply(HTTPStatus.CREATED, {"Docker-Content-Digest": digest, "Location": location})

    def _require_complete(self, repository: str, document: Document) -> None:
        for blob in named_blobs(document):
            stored = self._store.blob(repository, blob.digest)
            if stored is None or stored.size != blob.size:
                raise Refusal(
                    HTTPStatus.BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", "it names a blob that was not pushed, or its size"
                )
        for child in named_manifests(document):
            if self._store.manifest(repository, str(child.digest)) is None:
                raise Refusal(HTTPStatus.BAD_REQUEST, "MANIFEST_UNKNOWN", "it names a manifest that was not pushed")

    def _tags(self, found: Route) -> Reply:
        tags = self._store.tags(found.repository)
        if tags is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", "there is no such repository")
        count, last = found.asked("n") or "999999", found.asked("last")
        if not _COUNT.fullmatch(count):
            raise Refusal(HTTPStatus.BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "n is a number of up to six digits")
        wanted = [tag for tag in tags if tag > last][: int(count)]
        body = json.dumps({"name": found.repository, "tags": wanted}).encode()
        return Reply(HTTPStatus.OK, {"Content-Type": "application/json"}, body)


def _part(blob: StoredBlob, asked: re.Match[str]) -> Part:
    start = int(asked[1])
    end = min(int(asked[2]), blob.size - 1) if asked[2] else blob.size - 1
    if start > end:
        raise Refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "RANGE_INVALID", "the blob has no such range")
    return Part(blob, start, end - start + 1)
