"""Is what was pushed really there?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

from occystrap_core.contracts import Address, Depth, Finding, Settings, Severity, Where, Written, WrittenImage
from occystrap_core.kit.distribution.client import Access, RegistryClient
from occystrap_core.kit.distribution.reopened import ReadsFromRegistry
from occystrap_core.kit.distribution.target import Target
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import ContentError, NotFound, OccystrapError
from occystrap_core.model.media_types import INDEXES, MANIFESTS

REACHED, MANIFEST, CONFIG, LAYER = "verify.registry", "verify.manifest", "verify.config", "verify.layer"
_ENOUGH_UNKNOWN = 3
"""A registry that cannot be asked so often will not be there for the rest of a large image either."""


class RegistryVerifier:
    """Asks with a connection and a login of its own. What cannot be asked is a warning: the push itself succeeded."""

    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        try:
            client = _client(written)
        except OccystrapError as error:
            return [_unknown(REACHED, error, Where())]
        with closing(client):
            return list(_Verification(client, written, depth).findings())


class _Verification:
    def __init__(self, client: RegistryClient, written: Written, depth: Depth) -> None:
        self._client = client
        self._written = written
        self._depth = depth
        self._seen: set[Digest] = set()

    def findings(self) -> Iterator[Finding]:
        unknown = 0
        for finding in self._all():
            yield finding
            unknown += finding.severity is Severity.WARNING
            if unknown == _ENOUGH_UNKNOWN:
                yield Finding(REACHED, Severity.WARNING, "the rest was not looked at")
                return

    def _all(self) -> Iterator[Finding]:
        yield from self._tagged()
        for document in self._written.documents:
            if document.media_type in INDEXES | MANIFESTS:
                yield from self._same(document, str(document.digest))
        for image in self._written.images:
            yield from self._image(image)

    def _tagged(self) -> Iterator[Finding]:
        """The root, by the name that people will use."""
        root = self._written.receipt.root
        wanted = self._client.reference.tag
        for document in self._written.documents:
            if wanted and document.digest == root.digest:
                yield from self._same(document, wanted)

    def _same(self, document: Document, wanted: str) -> Iterator[Finding]:
        where = Where(manifest=str(document.digest))

        def compare() -> str:
            found, _ = self._client.manifest(wanted)
            return "" if found.raw == document.raw else f"{wanted} holds another manifest: {found.digest}"

        yield from _asked(MANIFEST, compare, where)

    def _image(self, image: WrittenImage) -> Iterator[Finding]:
        manifest = str(image.manifest.digest)
        yield from self._blob(CONFIG, image.config.descriptor(), Where(manifest=manifest))
        for position, layer in enumerate(image.layers):
            yield from self._blob(LAYER, layer.blob, Where(manifest=manifest, layer=position))

    def _blob(self, check: str, blob: Descriptor, where: Where) -> Iterator[Finding]:
        if blob.digest in self._seen:
            return
        self._seen.add(blob.digest)
        found = list(_asked(check, lambda: self._size_problem(blob), where))
        if not found and self._depth is Depth.FULL and blob.digest not in self._written.read_back:
            found = list(_asked(check, lambda: self._content_problem(blob), where))
        yield from found

    def _size_problem(self, blob: Descriptor) -> str:
        size = self._client.blob_size(blob.digest)
        if size is not None:
            return "" if size == blob.size else f"{blob.digest} is {size} bytes long, not {blob.size}"
        return "" if self._client.has_blob(blob.digest) else f"the registry does not have {blob.digest}"

    def _content_problem(self, blob: Descriptor) -> str:
        hasher, size = blob.digest.hasher(), 0
        for chunk in self._client.blob(blob.digest, blob.size):
            hasher.update(chunk)
            size += len(chunk)
        if hasher.hexdigest() != blob.digest.hex:
            return f"{blob.digest} has other content: {size} bytes of {blob.digest.algorithm}:{hasher.hexdigest()}"
        return ""


def _client(written: Written) -> RegistryClient:
    """That of the reopened destination, which knows the login; else one that tries without."""
    reopened = written.reopen_destination() if written.reopen_destination else None
    if isinstance(reopened, ReadsFromRegistry):
        return reopened.client
    return _anonymous(Address.parse(written.receipt.uri), written.settings)


def _anonymous(address: Address, settings: Settings) -> RegistryClient:
    insecure = {"true": True, "false": False}.get(dict(address.pairs).get("insecure", ""))
    return RegistryClient(Target.of(address).reference, Access(settings, insecure))


def _asked(check: str, ask: Callable[[], str], where: Where) -> Iterator[Finding]:
    """`ask` gives the problem, or an empty string."""
    try:
        problem = ask()
    except (NotFound, ContentError) as error:
        problem = str(error)
    except OccystrapError as error:
        yield _unknown(check, error, where)
        return
    if problem:
        yield Finding(check, Severity.ERROR, problem, where, "push the image again")


def _unknown(check: str, error: OccystrapError, where: Where) -> Finding:
    return Finding(check, Severity.WARNING, f"could not be verified: {error}", where)
