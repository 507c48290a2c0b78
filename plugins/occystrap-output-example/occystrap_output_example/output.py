"""Writing the zip file, in one step at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from zipfile import ZipFile, ZipInfo

from occystrap_core.contracts import Address, Chunk, OutputContext, OutputTraits, Receipt, Slot, Staged
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import NotFound
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import OCI_INDEX, Compression, Family
from occystrap_core.streams.atomic import AtomicFile
from occystrap_core.streams.spool import Spool
from occystrap_output_example.plugin import ZipOptions

MARKER = b'{"imageLayoutVersion":"1.0.0"}'


class ZipOutput:
    """Blobs arrive side by side and in any order, and a zip file is written from its beginning to its
    end: they are put aside until `commit`."""

    def __init__(self, address: Address, options: ZipOptions, context: OutputContext) -> None:
        self._path = address.path()
        if not self._path.absolute().parent.is_dir():
            raise NotFound(f"there is no folder {self._path.parent} to write {self._path.name} into")
        self._comment = options.comment
        self._name = context.source_name
        self._aside = context.settings.temp_dir
        self._lock = threading.Lock()
        self._blobs: dict[Digest, Spool] = {}
        self.traits = OutputTraits(
            compressions=(Compression.GZIP, Compression.ZSTD, Compression.NONE),
            convert=context.settings.compression,
            family=Family.OCI,
            file=self._path,
        )

    def cannot_modify_reason(self) -> str:
        return ""

    def holds(self, digest: Digest) -> int | None:
        return None

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> Spool:
        spool = Spool(self._aside)
        try:
            spool.fill(chunks)
        except BaseException:
            spool.close()
            raise
        return spool

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        assert isinstance(staged, Spool)
        with self._lock:
            known = self._blobs.setdefault(blob.digest, staged)
        if known is not staged:
            staged.close()

    def discard(self, staged: Staged) -> None:
        assert isinstance(staged, Spool)
        staged.close()

    def put_document(self, document: Document) -> None:
        spool = Spool(self._aside)
        spool.write(document.raw)
        self.keep(spool, document.descriptor(), None)

    def commit(self, root: Descriptor) -> Receipt:
        with AtomicFile(self._path) as file:
            with ZipFile(file.file, "w") as archive:
                archive.comment = self._comment.encode()
                self._fill(archive, root)
            file.commit()
        self.abort()
        return Receipt("zip", f"zip://{self._path}", self._name, root, {"path": str(self._path)})

    def abort(self) -> None:
        """What was put aside goes away; nothing else was written."""
        while self._blobs:
            self._blobs.popitem()[1].close()

    def _fill(self, archive: ZipFile, root: Descriptor) -> None:
        """In the order of the digests and without times, so that equal images are equal files."""
        _write(archive, "oci-layout", (MARKER,))
        _write(archive, "index.json", (_index(root),))
        for digest in sorted(self._blobs, key=str):
            _write(archive, blob_name(digest), self._blobs[digest].chunks())


def blob_name(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"


def _write(archive: ZipFile, name: str, chunks: Iterable[bytes]) -> None:
    with archive.open(ZipInfo(name), "w", force_zip64=True) as member:
        for chunk in chunks:
            member.write(chunk)


def _index(root: Descriptor) -> bytes:
    return strict_json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [root.to_json()]})
