"""Writing an image into a registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from occystrap_core.contracts import Address, Chunk, OutputContext, OutputTraits, Receipt, Settings, Slot, Staged
from occystrap_core.kit.distribution.client import PUSH, RegistryClient
from occystrap_core.kit.distribution.retry import Traffic
from occystrap_core.kit.distribution.target import Target
from occystrap_core.kit.distribution.upload import InMemory
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import DigestMismatch, OptionError
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import INDEXES, MANIFESTS, Compression, Family
from occystrap_core.streams.spool import Spool
from occystrap_outputs.registry.passing import PassingBlob
from occystrap_outputs.registry.plugin import RegistryOutputOptions


@dataclass(frozen=True, slots=True)
class SpooledBlob:
    """A blob as it will be stored, waiting for its name; `sent` when the registry has it already."""

    spool: Spool
    sent: bool = False


class RegistryOutput:
    """Blobs and child manifests are uploaded as they come; nothing names them before the tag does."""

    def __init__(self, address: Address, options: RegistryOutputOptions, context: OutputContext) -> None:
        target = Target.of(address)
        self.reference = target.reference
        self._access = target.access(options, context.settings)
        self.client = RegistryClient(target.reference, self._access, PUSH)
        self.traits = _traits(options, context.settings)
        self._temp_dir = context.settings.temp_dir
        self._mountable_from = _mountable_from(context, self.reference.registry, self.reference.repository)
        self._pending: Document | None = None
        self._spools: set[Spool] = set()

    @property
    def traffic(self) -> Traffic:
        return self.client.traffic

    def cannot_modify_reason(self) -> str:
        digest = self.reference.digest
        return f"the destination names the digest {digest.short}, which any change would break" if digest else ""

    def holds(self, digest: Digest) -> int | None:
        size = self.client.blob_size(digest)
        if size is None and self._mountable_from and self.client.mount(digest, self._mountable_from):
            size = self.client.blob_size(digest)
        return size

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> Staged:
        staged = SpooledBlob(Spool(self._temp_dir))
        self._spools.add(staged.spool)
        try:
            return replace(staged, sent=self._took(chunks, staged.spool, slot.expected))
        except BaseException:
            self.discard(staged)
            raise

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        assert isinstance(staged, SpooledBlob)
        if not staged.sent and not self.client.has_blob(blob.digest, blob.size):
            self.client.put_blob(blob.digest, staged.spool)
        self.discard(staged)

    def _took(self, chunks: Iterable[Chunk], spool: Spool, expected: Descriptor | None) -> bool:
        """A blob whose name is known is sent on while it arrives; any other must wait for its name."""
        if expected:
            return PassingBlob(chunks, spool, expected).send(self.client)
        spool.fill(chunks)
        return False

    def discard(self, staged: Staged) -> None:
        assert isinstance(staged, SpooledBlob)
        self._spools.discard(staged.spool)
        staged.spool.close()

    def put_document(self, document: Document) -> None:
        if document.media_type in INDEXES | MANIFESTS:
            self._flush()
            self._pending = document
        elif not self.client.has_blob(document.digest, len(document.raw)):
            self.client.put_blob(document.digest, InMemory(document.raw))

    def commit(self, root: Descriptor) -> Receipt:
        wanted = self.reference.digest
        if wanted and wanted != root.digest:
            raise DigestMismatch(f"the image is {root.digest}, but the destination names {wanted}")
        assert self._pending is not None, "the root was put before commit"
        self.client.put_manifest(self._pending, self.reference.tag or str(root.digest))
        self._close()
        return Receipt("registry", self._uri(), self.reference.name, root, settings=self._own_login())

    def interrupt(self) -> None:
        self.client.interrupt()

    def abort(self) -> None:
        """What was uploaded has no name and is the registry's to collect."""
        self._pending = None
        self._close()

    def _close(self) -> None:
        self.client.close()
        while self._spools:
            self._spools.pop().close()

    def _flush(self) -> None:
        """Only the last manifest is the root, and only the root has a tag."""
        if self._pending:
            self.client.put_manifest(self._pending, str(self._pending.digest))

    def _own_login(self) -> Settings | None:
        access = self._access
        if not (access.username or access.password):
            return None
        return replace(access.settings, username=access.username, password=access.password)

    def _uri(self) -> str:
        options = [] if self._access.insecure is None else [("insecure", str(self._access.insecure).lower())]
        options += [("auth_host", host) for host in self._access.auth_hosts]
        return f"registry://{self.reference}{'?' if options else ''}{urlencode(options)}"


def _traits(options: RegistryOutputOptions, settings: Settings) -> OutputTraits:
    """Docker's media types have no name for zstd layers, so asking for those asks for OCI."""
    convert = options.compression or settings.compression
    if options.format is Family.DOCKER:
        if convert is Compression.ZSTD:
            raise OptionError("option 'format': docker has no zstd layers", hint="leave it out, or choose format=oci")
        return OutputTraits((Compression.GZIP, Compression.NONE), convert, Family.DOCKER, any_order=True)
    family = Family.OCI if convert is Compression.ZSTD else options.format
    return OutputTraits((Compression.GZIP, Compression.ZSTD, Compression.NONE), convert, family, any_order=True)


def _mountable_from(context: OutputContext, registry: str, repository: str) -> str:
    host, source = context.source_origin or ("", "")
    return source if host == registry.lower() and source != repository else ""
