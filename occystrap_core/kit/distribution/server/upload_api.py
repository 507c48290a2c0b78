"""Pushing blobs: begin, send in pieces or at once, finish."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus

from occystrap_core.kit.distribution.server import routes
from occystrap_core.kit.distribution.server.body import Body
from occystrap_core.kit.distribution.server.refusal import Refusal
from occystrap_core.kit.distribution.server.reply import Reply
from occystrap_core.kit.distribution.server.routes import Route
from occystrap_core.kit.distribution.server.store import BlobStore
from occystrap_core.kit.distribution.server.uploads import Upload, Uploads
from occystrap_core.model.digest import Digest
from occystrap_core.model.reference import is_repository

_CONTENT_RANGE = re.compile(r"(\d{1,18})-(\d{1,18})")


class UploadApi:
    def __init__(self, store: BlobStore, uploads: Uploads, located: Callable[[str], str]) -> None:
        self._store = store
        self._uploads = uploads
        self._located = located

    def answer(self, method: str, found: Route, headers: Mapping[str, str], body: Body) -> Reply:
        if not found.rest and method == "POST":
            return self._begin(found, body)
        if not found.rest or method not in ("GET", "PATCH", "PUT", "DELETE"):
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", "this cannot be done with an upload")
        with self._uploads.held(found.repository, found.rest) as upload:
            if method == "GET":
                return self._accepted(upload, HTTPStatus.NO_CONTENT)
            if method == "DELETE":
                self._uploads.forget(upload)
                return Reply(HTTPStatus.NO_CONTENT)
            return self._continue(method, found, upload, headers, body)

    def _begin(self, found: Route, body: Body) -> Reply:
        if self._mounted(found):
            return self._created(found.repository, routes.digest(found.asked("mount")))
        digest = routes.digest(found.asked("digest")) if found.asked("digest") else None
        upload = self._uploads.begin(found.repository)
        if digest is None:
            return self._accepted(upload, HTTPStatus.ACCEPTED)
        with self._uploads.held(found.repository, upload.number):
            self._uploads.receive(upload, body)
            return self._finish(upload, digest)

    def _mounted(self, found: Route) -> bool:
        wanted, source = found.asked("mount"), found.asked("from")
        if not wanted or not is_repository(source):
            return False
        return self._store.mount(found.repository, routes.digest(wanted), source)

    def _continue(self, method: str, found: Route, upload: Upload, headers: Mapping[str, str], body: Body) -> Reply:
        digest = routes.digest(found.asked("digest")) if method == "PUT" else None
        claimed = _claimed_length(headers, upload.size)
        if claimed is not None and body.length not in (None, claimed):
            raise _out_of_range()
        received = self._uploads.receive(upload, body)
        if claimed is not None and received != claimed:
            self._uploads.forget(upload)
            raise _out_of_range()
        return self._finish(upload, digest) if digest else self._accepted(upload, HTTPStatus.ACCEPTED)

    def _finish(self, upload: Upload, digest: Digest) -> Reply:
        if not upload.matches(digest):
            self._uploads.forget(upload)
            raise Refusal(HTTPStatus.BAD_REQUEST, "DIGEST_INVALID", "the blob has another digest")
        self._store.put_blob(upload.repository, digest, self._uploads.take(upload))
        return self._created(upload.repository, digest)

    def _created(self, repository: str, digest: Digest) -> Reply:
        location = f"/v2/{repository}/blobs/{digest}"
        return Reply(HTTPStatus.CREATED, {"Location": location, "Docker-Content-Digest": str(digest)})

    def _accepted(self, upload: Upload, status: HTTPStatus) -> Reply:
        headers = {
            "Location": self._located(f"/v2/{upload.repository}/blobs/uploads/{upload.number}"),
            "Docker-Upload-UUID": upload.number,
            "Range": f"0-{max(upload.size - 1, 0)}",
        }
        return Reply(status, headers)


def _claimed_length(headers: Mapping[str, str], offset: int) -> int | None:
    """What Content-Range says of a piece's length; pieces come in order or not at all."""
    text = headers.get("content-range")
    if text is None:
        return None
    found = _CONTENT_RANGE.fullmatch(text)
    if not found or int(found[1]) != offset or int(found[2]) < offset:
        raise _out_of_range()
    return int(found[2]) - offset + 1


def _out_of_range() -> Refusal:
    return Refusal(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        "BLOB_UPLOAD_INVALID",
        "the piece does not go on where the last ended",
    )
