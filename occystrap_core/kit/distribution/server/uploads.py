"""Blobs that are being pushed, before they are known to be what they should."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from time import monotonic

from occystrap_core.kit.distribution.server.body import Body, too_large
from occystrap_core.kit.distribution.server.limits import Limits
from occystrap_core.kit.distribution.server.refusal import Refusal
from occystrap_core.model.digest import Digest
from occystrap_core.streams.spool import Spool


class Upload:
    """One at work on it at a time. It takes no file before its first byte."""

    def __init__(self, repository: str) -> None:
        self.repository = repository
        self.number = secrets.token_hex(16)
        self.size = 0
        self.touched = monotonic()
        self.busy = threading.Lock()
        self.spool: Spool | None = None
        self.hasher = hashlib.sha256()

    def matches(self, digest: Digest) -> bool:
        if digest.algorithm == "sha256":
            return self.hasher.hexdigest() == digest.hex
        hasher = digest.hasher()
        for chunk in self.spool.chunks() if self.spool else ():
            hasher.update(chunk)
        return hasher.hexdigest() == digest.hex

    def close(self) -> None:
        if self.spool is not None:
            self.spool.close()


class Uploads:
    def __init__(self, limits: Limits, directory: Path | None) -> None:
        self._limits = limits
        self._directory = directory
        self._lock = threading.Lock()
        self._open: dict[str, Upload] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, repository: str) -> Upload:
        self.expire()
        upload = Upload(repository)
        with self._lock:
            if len(self._open) >= self._limits.uploads:
                raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "too many uploads are unfinished")
            self._open[upload.number] = upload
        return upload

    @contextmanager
    def held(self, repository: str, number: str) -> Iterator[Upload]:
        """An upload that nobody else may touch meanwhile."""
        self.expire()
        with self._lock:
            upload = self._open.get(number)
            if upload is None or upload.repository != repository:
                raise Refusal(HTTPStatus.NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "there is no such upload")
            if not upload.busy.acquire(blocking=False):
                raise Refusal(HTTPStatus.CONFLICT, "BLOB_UPLOAD_INVALID", "another request is at work on this upload")
        try:
            yield upload
        finally:
            upload.touched = monotonic()
            upload.busy.release()

    def receive(self, upload: Upload, body: Body) -> int:
        """Append all that comes and say how much it was. A write that fails is the end of the upload."""
        before = upload.size
        for chunk in body.chunks():
            self._require_room(len(chunk))
            try:
                self._write(upload, chunk)
            except OSError:
                self.forget(upload)
                raise
        return upload.size - before

    def take(self, upload: Upload) -> Spool:
        """The bytes of a finished upload, which is then no more."""
        spool = upload.spool or Spool(self._directory)
        upload.spool = None
        self.forget(upload)
        return spool

    def forget(self, upload: Upload) -> None:
        with self._lock:
            self._open.pop(upload.number, None)
        upload.close()

    def expire(self) -> None:
        oldest = monotonic() - self._limits.upload_seconds
        with self._lock:
            expired = [each for each in self._open.values() if each.touched < oldest and not each.busy.locked()]
            for upload in expired:
                del self._open[upload.number]
        for upload in expired:
            upload.close()

    def close(self) -> None:
        for upload in list(self._open.values()):
            self.forget(upload)

    def _write(self, upload: Upload, chunk: memoryview) -> None:
        if upload.spool is None:
            upload.spool = Spool(self._directory)
        upload.spool.write(chunk)
        upload.hasher.update(chunk)
        upload.size += len(chunk)

    def _require_room(self, count: int) -> None:
        limit = self._limits.upload_bytes
        if limit is None:
            return
        with self._lock:
            held = sum(upload.size for upload in self._open.values())
        if held + count > limit:
            raise too_large("all unfinished uploads together", limit)
