"""Unpacks each layer by itself and mounts them over each other."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import OutputContext, OutputTraits, Receipt, Slot, Staged
from occystrap_core.kit.rootfs.extractor import Extractor
from occystrap_core.kit.rootfs.inherit import inherit
from occystrap_core.kit.rootfs.link_groups import part_from_hidden
from occystrap_core.kit.rootfs.overlay import (
    ROOTFS,
    UPPER,
    mount_overlay,
    mounted_at,
    require_root,
    unmount_overlay,
)
from occystrap_core.kit.rootfs.record import Evidence, Record, Said
from occystrap_core.kit.rootfs.report import Report
from occystrap_core.kit.rootfs.resolve import IMPLIED_MODE
from occystrap_core.kit.rootfs.runtime_config import runtime_config, user_of
from occystrap_core.kit.rootfs.stacking import empties_the_root, settle
from occystrap_core.kit.rootfs.users import find_user
from occystrap_core.kit.rootfs.workplace import Workplace, remove_tree
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import InvalidImage, UsageError
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression
from occystrap_outputs.mounts.contents import EMPTY, IMAGE_CONFIG, LAYER, RUNTIME_CONFIG, is_mounts
from occystrap_outputs.mounts.plugin import MountOptions

_MEANS_TWO_THINGS = "a layer that stands twice links to files of lower layers, so it is not the same both times"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class UnpackedLayer:
    """A layer in a directory without a name yet."""

    directory: Path
    report: Report
    record: Record


class LayeredRecord:
    """What the layers said, the lowest first, as one record."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def __iter__(self) -> Iterator[Said]:
        for number, record in enumerate(self._records):
            for said in record:
                yield said._replace(layer=number)


class MountsOutput:
    """Layers are unpacked and mounted beside the final name, which they get together with the mount."""

    traits = OutputTraits(compressions=(Compression.NONE,), holds_indexes=False, holds_artifacts=False)

    def __init__(self, address: Address, options: MountOptions, context: OutputContext) -> None:
        require_root()
        self._path = address.path()
        self._options = options
        self._name = context.source_name
        self._workplace = Workplace(self._path, is_mounts, overwrite=options.overwrite)
        self._spools = context.settings.temp_dir
        self._lock = threading.Lock()
        self._layers: dict[int, UnpackedLayer] = {}
        self._names: dict[int, Path] = {}
        self._reports: dict[Path, Report] = {}
        self._records: list[Record] = []
        self._documents: dict[Digest, Document] = {}

    def cannot_modify_reason(self) -> str:
        return ""

    def holds(self, digest: Digest) -> int | None:
        """What was unpacked cannot be told from what somebody changed since."""
        return None

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> UnpackedLayer:
        directory = self._workplace.path / f"unpacking-{slot.order}" / LAYER
        directory.mkdir(parents=True)
        record = Record(self._spools)
        with self._lock:
            self._records.append(record)
        with Extractor(directory, overlay=True, record=record) as extractor:
            report = extractor.apply(chunks)
            extractor.finish()
        return UnpackedLayer(directory, report, record)

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        if layer is None or not isinstance(staged, UnpackedLayer) or layer.diff_id is None:
            raise UsageError("it unpacks layers, and this image has one of another kind")
        name = Path(layer.diff_id.hex) / LAYER
        with self._lock:
            final = self._workplace.path / name
            if final.exists():
                remove_tree(staged.directory.parent)
            else:
                staged.directory.parent.rename(final.parent)
                self._reports[name] = staged.report
            self._layers[layer.source.position] = staged
            self._names[layer.source.position] = name

    def discard(self, staged: Staged) -> None:
        assert isinstance(staged, UnpackedLayer)
        remove_tree(staged.directory.parent)

    def put_document(self, document: Document) -> None:
        self._documents[document.digest] = document

    def commit(self, root: Descriptor) -> Receipt:
        layers = self._stacked()
        self._mount(layers, self._documents[root.digest])
        target = self._workplace.target
        for warning in self._total().warnings():
            _log.warning("%s: %s", self._path, warning)
        details = {"path": str(target), "layers": [str(layer) for layer in layers]}
        return Receipt("mounts", f"mounts://{quote(str(target))}", self._name, root, details, evidence=self._evidence())

    def abort(self) -> None:
        for record in self._records:
            record.close()
        self._workplace.abort()

    def _mount(self, layers: Sequence[Path], manifest: Document) -> None:
        """A mount moves with the directory that it is in: what had the name before stays until all is well."""
        folder, target = self._workplace.path, self._workplace.target
        mount_overlay(folder, layers or [_empty_layer(folder)])
        try:
            self._describe(manifest)
            self._workplace.commit()
        except BaseException:
            if mounted_at(folder / ROOTFS):
                unmount_overlay(folder)
            elif mounted_at(target / ROOTFS):
                unmount_overlay(target)
                remove_tree(target)
            raise

    def _stacked(self) -> list[Path]:
        """The layers' directories, the lowest first. Of a layer that stands twice the upper one
        hides all of the lower, and an overlay wants each directory once."""
        folder = self._workplace.path
        names = [self._names[position] for position in sorted(self._names)]
        stacked = _each_once(names)
        for name in stacked:
            if names.count(name) > 1 and self._reports[name].borrowed:
                raise InvalidImage(_MEANS_TWO_THINGS, hint="write to oci://")
            below = _each_once([lower for lower in names[: _last(names, name)] if lower != name])
            settle(folder / name, self._reports[name], [folder / lower for lower in below])
        lowest = max((place for place, name in enumerate(stacked) if empties_the_root(folder / name)), default=0)
        stacked = stacked[lowest:]
        directories = [folder / name for name in stacked]
        for name in stacked:
            if self._reports[name].hard_links:
                part_from_hidden(directories, folder / name)
        _make_upper(folder / UPPER, directories)
        return stacked

    def _describe(self, manifest: Document) -> None:
        folder = self._workplace.path
        image = self._documents[Digest.parse(manifest.json["config"]["digest"])]
        user = find_user(folder / ROOTFS, user_of(image.json))
        config = runtime_config(image.json, user, readonly=self._options.readonly, rootless=False)
        (folder / RUNTIME_CONFIG).write_bytes(config)
        (folder / IMAGE_CONFIG).write_bytes(image.raw)

    def _total(self) -> Report:
        total = Report()
        for layer in self._layers.values():
            total.add(layer.report)
        return total

    def _evidence(self) -> Evidence:
        records = [self._layers[position].record for position in sorted(self._layers)]
        xattrs = not self._total().xattrs_skipped
        return Evidence(LayeredRecord(records), owners=True, xattrs=xattrs, kept=tuple(self._records))


def _each_once(names: Sequence[Path]) -> list[Path]:
    """Where it stands last."""
    return [name for place, name in enumerate(names) if name not in names[place + 1 :]]


def _last(names: Sequence[Path], name: Path) -> int:
    return max(place for place, each in enumerate(names) if each == name)


def _make_upper(upper: Path, layers: Sequence[Path]) -> None:
    """The mount's own root is that of the directory which takes the changes."""
    upper.mkdir()
    upper.chmod(IMPLIED_MODE)
    os.utime(upper, (0, 0))
    inherit(upper, (b"",), layers)


def _empty_layer(target: Path) -> Path:
    """An overlay needs a lower directory even for an image without layers."""
    (target / EMPTY).mkdir()
    return Path(EMPTY)
