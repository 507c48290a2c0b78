"""Unpacks an image into a runtime bundle."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import OutputContext, OutputTraits, Receipt, Slot, Staged
from occystrap_core.kit.rootfs.extractor import Extractor
from occystrap_core.kit.rootfs.record import Evidence, Record
from occystrap_core.kit.rootfs.report import LayerReport
from occystrap_core.kit.rootfs.runtime_config import runtime_config, user_of
from occystrap_core.kit.rootfs.turns import Turns
from occystrap_core.kit.rootfs.users import User, find_user
from occystrap_core.kit.rootfs.workplace import Workplace
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import UsageError
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression
from occystrap_outputs.oci.plugin import BundleOptions

ROOTFS, RUNTIME_CONFIG, IMAGE_CONFIG = "rootfs", "config.json", "container-config.json"
_BLOBS = "blobs"
"""Occystrap 0.4 left it behind, with nothing in it but `sha256`."""

_log = logging.getLogger(__name__)


class Unpacked:
    """A layer that became files."""


class BundleOutput:
    """The bundle is made beside its final name and appears there, complete, at commit()."""

    traits = OutputTraits(compressions=(Compression.NONE,), holds_indexes=False, holds_artifacts=False)

    def __init__(self, address: Address, options: BundleOptions, context: OutputContext) -> None:
        self._path = address.path()
        self._options = options
        self._name = context.source_name
        self._workplace = Workplace(self._path, is_bundle, overwrite=options.overwrite)
        self._turns = Turns(self._unpack, context.settings.temp_dir)
        self._lock = threading.Lock()
        self._spools = context.settings.temp_dir
        self._record: Record | None = None
        self._extractor: Extractor | None = None
        self._documents: dict[Digest, Document] = {}

    def cannot_modify_reason(self) -> str:
        return ""

    def holds(self, digest: Digest) -> int | None:
        """Files of a tree cannot be told from those of another layer."""
        return None

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> Unpacked:
        self._turns.put(chunks, slot.order)
        return Unpacked()

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        if layer is None:
            raise UsageError("it unpacks layers, and this image has one of another kind")

    def discard(self, staged: Staged) -> None:
        raise UsageError("a layer that was unpacked cannot be taken back")

    def put_document(self, document: Document) -> None:
        self._documents[document.digest] = document

    def commit(self, root: Descriptor) -> Receipt:
        self._turns.finish()
        report = self._unpacker().finish()
        manifest = self._documents[root.digest]
        self._configure(self._documents[Digest.parse(manifest.json["config"]["digest"])])
        self._workplace.commit()
        for warning in report.warnings():
            _log.warning("%s: %s", self._path, warning)
        assert self._record is not None
        owners, xattrs = self._unpacker().sets_owners, not report.xattrs_skipped
        evidence = Evidence(self._record, owners, xattrs, kept=(self._record,))
        uri = f"oci://{quote(str(self._path.absolute()))}"
        return Receipt("oci", uri, self._name, root, {"path": str(self._path.absolute())}, evidence=evidence)

    def abort(self) -> None:
        self._turns.abort()
        if self._extractor is not None and self._record is not None:
            self._extractor.close()
            self._record.close()
        self._workplace.abort()

    def _unpack(self, chunks: Iterable[Chunk]) -> LayerReport:
        return self._unpacker().apply(chunks)

    def _unpacker(self) -> Extractor:
        with self._lock:
            if self._extractor is None:
                rootfs = self._workplace.path / ROOTFS
                rootfs.mkdir()
                self._record = Record(self._spools)
                privileged = False if self._options.rootless else None
                self._extractor = Extractor(rootfs, privileged=privileged, record=self._record)
            return self._extractor

    def _configure(self, image: Document) -> None:
        folder, rootless = self._workplace.path, self._options.rootless
        user = find_user(folder / ROOTFS, user_of(image.json))
        if rootless and (user.uid or user.gid):
            _log.warning("%s: runs as root of its user namespace, not as %s", self._path, user_of(image.json))
            user = User(0, 0, ())
        config = runtime_config(image.json, user, readonly=self._options.readonly, rootless=rootless)
        (folder / RUNTIME_CONFIG).write_bytes(config)
        (folder / IMAGE_CONFIG).write_bytes(image.raw)


def is_bundle(directory: Path) -> bool:
    """Whether this is what an earlier run, or occystrap 0.4, wrote here: nobody else's files are lost then."""
    names = {found.name for found in directory.iterdir()}
    if not any((directory / _BLOBS).glob("*/*")):
        names.discard(_BLOBS)
    return names == {ROOTFS, RUNTIME_CONFIG, IMAGE_CONFIG}
