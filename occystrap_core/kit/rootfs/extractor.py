"""The one place where layers become files.

Every name is resolved inside the root by directory descriptors; a file is made new (O_EXCL)
or not at all; what is removed is removed by descriptor. Nothing outside the root is read,
written, linked or deleted, whatever the layers say.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.rootfs.attributes import Decoder
from occystrap_core.kit.rootfs.hiding import Hiding
from occystrap_core.kit.rootfs.makers import Makers
from occystrap_core.kit.rootfs.record import Record, said
from occystrap_core.kit.rootfs.report import LayerReport, Report
from occystrap_core.kit.rootfs.resolve import Open, inside
from occystrap_core.kit.rootfs.tree import Tree
from occystrap_core.model.errors import InvalidImage, OccystrapError, TransferError
from occystrap_core.model.shown import shown
from occystrap_core.streams.tar import GLOBAL, TarEntry, TarReader

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FAULTS_OF_IMAGES = frozenset({errno.ELOOP, errno.ENAMETOOLONG})


class Extractor:
    """Unpacks layers, the lowest first, into `root`, a directory that nobody else writes to.

    With `overlay` the root is one layer of an overlay mount: whiteouts become 0:0 devices and
    opaque directories an attribute, instead of deleting. `privileged` says whether owners can
    be set and devices made; by default that is so for root. `open_in` chooses how directories
    are found, the fastest way by default.
    """

    def __init__(
        self,
        root: Path,
        *,
        overlay: bool = False,
        privileged: bool | None = None,
        record: Record | None = None,
        open_in: Open | None = None,
    ) -> None:
        self._root = os.open(root, _ROOT)
        self._privileged = os.geteuid() == 0 if privileged is None else privileged
        self._tree = Tree(self._root, overlay=overlay, privileged=self._privileged, open_in=open_in)
        self._decode = Decoder()
        self._hiding = Hiding(self._tree)
        self._makers = Makers(self._tree, self._decode, self._hiding, sums=record is not None)
        self._record = record
        self._layers = 0
        self._total = Report()

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def sets_owners(self) -> bool:
        return self._privileged

    def apply(self, chunks: Iterable[Chunk]) -> LayerReport:
        """Unpack one layer's uncompressed tar stream, to its last byte."""
        reader = TarReader(chunks)
        path = b""
        try:
            for entry in reader:
                path = entry.path
                self._unpack(path, entry)
            report = self._tree.end_layer()
        except OSError as error:
            raise _as_ours(error, path) from error
        for _ in reader.trailer():
            pass
        self._total.add(report)
        self._layers += 1
        return report

    def finish(self) -> Report:
        """What only the end can settle; nothing can be unpacked any more."""
        self._tree.directories.settle()
        self._tree.close_directories()
        self.close()
        return self._total

    def close(self) -> None:
        if self._root >= 0:
            self._tree.directories.close()
            os.close(self._root)
            self._root = -1

    def _unpack(self, path: bytes, entry: TarEntry) -> None:
        if b".." in path:
            path = inside(path)
        tree = self._tree
        tree.report.entries += 1
        make = self._makers.by_kind.get(entry.kind)
        if make is None:
            tree.report.unknown_skipped += entry.kind != GLOBAL
            return
        made, self._makers.checksum = True, 0
        parent_path, _, name = path.rpartition(b"/")
        if not name:
            self._makers.describe_root(entry)
        elif b".wh." not in path or not self._hiding.obeys(parent_path, name, path):
            parent = tree.directories.at(parent_path)
            made = make(parent, name, path, entry)
            tree.added.add(parent.inode, name)
        if self._record is not None:
            checksum = self._makers.checksum
            self._record.add(said(self._layers, path, entry, self._decode(entry), checksum, made=made))


def _as_ours(error: OSError, path: bytes) -> OccystrapError:
    """The image's fault or the machine's. The name in the error says less than the whole path."""
    kind = InvalidImage if error.errno in _FAULTS_OF_IMAGES else TransferError
    return kind(f"cannot unpack {shown(path)}: {error.strerror or error}")
