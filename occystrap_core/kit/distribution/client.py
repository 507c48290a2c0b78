"""The registry client: manifests and blobs of one repository."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field, replace
from typing import TYPE_CHECKING

from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.settings import Settings
from occystrap_core.kit.distribution.auth import Login
from occystrap_core.kit.distribution.connection import Timeouts
from occystrap_core.kit.distribution.credentials import Credentials, stored_credentials
from occystrap_core.kit.distribution.failures import Transient
from occystrap_core.kit.distribution.http import HttpClient, Response
from occystrap_core.kit.distribution.manifests import ACCEPT, claimed_digest, described, identified
from occystrap_core.kit.distribution.origin import registry_origin
from occystrap_core.kit.distribution.retry import RetryPolicy, Traffic, rate_limit_of
from occystrap_core.kit.distribution.session import Ask, Session
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import DigestMismatch, NotFound, OccystrapError, OptionError
from occystrap_core.model.reference import Reference, referrers_tag
from occystrap_core.model.strict_json import MAX_BYTES, MAX_BYTES_JUDGED
from occystrap_core.model.value import value

_log = logging.getLogger(__name__)
if TYPE_CHECKING:
    from occystrap_core.contracts.referrers import Referrers
    from occystrap_core.kit.distribution.upload import Content, Upload

PULL, PUSH = "pull", "pull,push"
_STORED = frozenset({200, 201, 202})


@value
class Access:
    """How a registry is to be reached, from a URI and the settings together.

    `max_transfers` blobs at most are on their way at a time; None leaves it to the callers.
    `sleep` takes the place of waiting between attempts, which can be interrupted.
    """

    settings: Settings
    insecure: bool | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    auth_hosts: tuple[str, ...] = ()
    max_transfers: int | None = None
    timeouts: Timeouts = field(default=Timeouts())
    first_wait: float = 0.5
    sleep: Callable[[float], None] | None = None


class RegistryClient:
    """Threads may share it. `actions` is what tokens are asked for: PULL or PUSH."""

    def __init__(self, reference: Reference, access: Access, actions: str = PULL) -> None:
        self.reference = reference
        self._session = _session(reference, access)
        self._repository = reference.repository
        self._scopes = (_scope(reference.repository, actions),)
        self._turn = _turns(access.max_transfers)
        self._mounts = True
        self._tells_referrers = True

    @property
    def traffic(self) -> Traffic:
        return self._session.policy.traffic

    def manifest(self, wanted: str) -> tuple[Document, Digest]:
        """The manifest or index under a tag or digest, and the digest it was found to have.

        Raises DigestMismatch where the bytes are not those that the digest, or the registry's
        own Docker-Content-Digest, names.
        """
        what = f"the manifest {wanted} of {self.reference.familiar}"
        headers, raw = self._session.whole(self._manifest_ask("GET", wanted), MAX_BYTES, what)
        return identified(raw, headers, wanted)

    def manifest_as_found(self, wanted: str) -> tuple[bytes, Descriptor]:
        """What the registry sends, whatever it is, and what it says of it: only what it knows of no other
        way is worked out."""
        what = f"the manifest {wanted} of {self.reference.familiar}"
        headers, raw = self._session.whole(self._manifest_ask("GET", wanted), MAX_BYTES_JUDGED, what)
        return raw, described(raw, headers, wanted)

    def manifest_digest(self, wanted: str) -> Digest | None:
        """What the registry says it has under a tag or digest, without reading it."""
        try:
            with self._session.trying(self._manifest_ask("HEAD", wanted)) as response:
                return claimed_digest(response.headers)
        except NotFound:
            return None

    def referrers(self, digest: Digest) -> Referrers:
        """What refers to a manifest, by the API for it or, where there is none, by the tag that clients keep."""
        from occystrap_core.kit.distribution.referrers import ReferrersQuery

        query = ReferrersQuery(
            self._session, self._repository, self._manifest_ask("GET", referrers_tag(digest)), digest
        )
        found = query.by_api() if self._tells_referrers else None
        if found is None:
            self._tells_referrers = False
            return query.by_tag()
        return found

    def put_manifest(self, document: Document, wanted: str) -> None:
        """Store a manifest or index under a tag or digest."""
        raw = document.raw
        headers = {"Content-Type": document.media_type, "Content-Length": str(len(raw))}
        ask = replace(self._manifest_ask("PUT", wanted), headers=headers, body=lambda: [raw], accept=_STORED)
        digest = Digest.parse(wanted) if ":" in wanted else document.digest
        self._session.persist(lambda: self._put_document(ask, document), lambda: self.manifest_digest(wanted) == digest)

    def _put_document(self, ask: Ask, document: Document) -> None:
        with self._session.trying(ask) as response:
            claimed = claimed_digest(response.headers)
        if claimed and not claimed.matches(document.raw):
            raise DigestMismatch(f"the registry stored {ask.what} as {claimed}, which names other bytes")

    def blob(self, digest: Digest, size: int | None = None) -> Iterator[Chunk]:
        """The bytes of a blob; an interrupted download goes on where it stopped. Nothing is verified."""
        from occystrap_core.kit.distribution.download import Download  # who reads documents only does without

        with self._turn:
            yield from Download(self._session, self._blob_ask("GET", digest), size).chunks()

    def blob_bytes(self, digest: Digest, limit: int = MAX_BYTES) -> bytes:
        return self._session.whole(self._blob_ask("GET", digest), limit, f"{digest} of {self.reference.familiar}")[1]

    def blob_size(self, digest: Digest) -> int | None:
        """The size of a blob that the repository has; None where it has none, or does not tell."""
        return self.told_of_blob(digest)[1]

    def told_of_blob(self, digest: Digest) -> tuple[bool, int | None]:
        """Whether the repository has a blob, and how long it is, where that is told."""
        try:
            with self._session.asking(self._blob_ask("HEAD", digest)) as response:
                return True, _told_size(response)
        except NotFound:
            return False, None

    def has_blob(self, digest: Digest, size: int | None = None) -> bool:
        """Whether the repository has a blob, and of this size, where `size` is given and a size is told."""
        return self._sees_blob(digest, size, self._session.asking)

    def mount(self, digest: Digest, source_repository: str) -> bool:
        """Have a blob of another repository of this registry appear here; False where that is not possible.

        After the first failure it is not tried again: it would only keep each blob waiting.
        """
        if not self._mounts:
            return False
        scopes = (*self._scopes, _scope(source_repository, PULL))
        try:
            return self._upload(scopes).mount(digest, source_repository)
        except OccystrapError as error:
            self._mounts = False
            _log.debug("nothing is mounted from %s: %s", source_repository, error)
            return False

    def put_blob(self, digest: Digest, content: Content) -> None:
        """Upload a blob; an interrupted upload goes on where it stopped, or starts again."""
        with self._turn:
            upload, size = self._upload(self._scopes), content.size
            upload.put(digest, content, lambda: self._sees_blob(digest, size, self._session.trying))

    def put_passing_blob(self, digest: Digest, size: int, chunks: Iterable[bytes]) -> None:
        """Upload bytes that come only once, in one attempt; Transient where another may help."""
        with self._turn:
            self._upload(self._scopes).stream(digest, size, chunks)

    def await_retry(self, error: Transient) -> None:
        """Return when another attempt is due; raise `error` where the settings want none."""
        self._session.policy.begin().failed(error)

    def interrupt(self) -> None:
        """From any thread: whatever this client waits for it gives up at once, and all that is asked for later."""
        self._session.interrupt()

    def close(self) -> None:
        self._session.close()

    def _sees_blob(
        self, digest: Digest, size: int | None, ask: Callable[[Ask], AbstractContextManager[Response]]
    ) -> bool:
        try:
            with ask(self._blob_ask("HEAD", digest)) as response:
                return size is None or _told_size(response) in (None, size)
        except NotFound:
            return False

    def _upload(self, scopes: tuple[str, ...]) -> Upload:
        from occystrap_core.kit.distribution.upload import Upload

        return Upload(self._session, self._repository, scopes)

    def _manifest_ask(self, method: str, wanted: str) -> Ask:
        what = f"the manifest {self.reference.familiar}{'@' if ':' in wanted else ':'}{wanted}"
        url = self._session.url(f"/v2/{self._repository}/manifests/{wanted}")
        return Ask(method, url, what, self._scopes, {"Accept": ACCEPT})

    def _blob_ask(self, method: str, digest: Digest) -> Ask:
        url = self._session.url(f"/v2/{self._repository}/blobs/{digest}")
        return Ask(method, url, f"the blob {digest} of {self.reference.familiar}", self._scopes)


def _told_size(response: Response) -> int | None:
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def _scope(repository: str, actions: str) -> str:
    return f"repository:{repository}:{actions}"


def _turns(at_most: int | None) -> AbstractContextManager[object]:
    if at_most is None:
        return nullcontext()
    if at_most < 1:
        raise OptionError(f"option 'max_workers': {at_most} is less than 1")
    return threading.BoundedSemaphore(at_most)


def _session(reference: Reference, access: Access) -> Session:
    settings = access.settings
    # A setting can only ask for plain HTTP; it does not take it away from this machine's registries.
    home = registry_origin(reference, access.insecure if access.insecure is not None else settings.insecure or None)
    http = HttpClient(home, access.timeouts)
    login = Login(home, http, lambda: _credentials(reference, access), access.auth_hosts)
    policy = RetryPolicy(settings.retries, access.first_wait, access.sleep or http.pause)
    return Session(home, http, login, policy, rate_limit_of(home, settings.rate_limit))


def _credentials(reference: Reference, access: Access) -> Credentials | None:
    """The nearest to the URI counts: it, then the global options, then what docker or podman stored."""
    for username, password in (
        (access.username, access.password),
        (access.settings.username, access.settings.password),
    ):
        if username or password:
            return Credentials(username, password)
    return stored_credentials(reference)
