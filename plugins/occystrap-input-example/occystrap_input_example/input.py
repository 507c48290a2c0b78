"""Folders as layers."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from occystrap_core.contracts import Address, Chunk, Entry, InputTraits, Settings
from occystrap_core.contracts.entry import DIRECTORY, SYMLINK
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.document import Document
from occystrap_core.model.errors import NotFound, UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.media_types import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from occystrap_core.model.platform import Platform
from occystrap_core.streams.tar import END_OF_ARCHIVE, make_entry, serialise
from occystrap_core.streams.verified import Measured
from occystrap_input_example.plugin import StackOptions

Layers = list[tuple[Descriptor, Path]]


class StackInput:
    """Opening reads every file once, for the digests; `blob` reads them again."""

    traits = InputTraits(unpacked=True)

    def __init__(self, address: Address, options: StackOptions, settings: Settings) -> None:
        self._path = address.path()
        self._layers = [(_measured(folder), folder) for folder in _folders_in(self._path)]
        config = _document(OCI_CONFIG, _config(Platform.parse(options.platform), self._layers))
        self._manifest = _document(OCI_MANIFEST, _manifest(config, self._layers))
        self._documents = {document.digest: document for document in (config, self._manifest)}

    def name(self) -> ImageName:
        return ImageName(self._path.resolve().name.lower() or "stack", "latest")

    def root(self) -> Descriptor:
        return self._manifest.descriptor()

    def document(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest not in self._documents:
            raise NotFound(f"{self._path} has no document {descriptor.digest}")
        return self._documents[descriptor.digest].raw

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        for layer, folder in self._layers:
            if layer.digest == descriptor.digest:
                return _tar(folder)
        raise NotFound(f"{self._path} has no layer {descriptor.digest}")

    def close(self) -> None:
        """Nothing stays open."""


def _folders_in(path: Path) -> list[Path]:
    if not path.is_dir():
        raise NotFound(f"{path} is not a folder")
    folders = sorted(each for each in path.iterdir() if each.is_dir())
    if not folders:
        raise UsageError(f"{path} has no folder in it", hint="each folder in it becomes a layer")
    return folders


def _measured(folder: Path) -> Descriptor:
    layer = Measured(_tar(folder))
    for _ in layer:
        pass
    return Descriptor(OCI_LAYER, layer.digest, layer.size)


def _tar(folder: Path) -> Iterator[bytes]:
    """In the order of the names, so that equal folders are equal layers."""
    return serialise((_entry(folder, path) for path in sorted(folder.rglob("*"))), (END_OF_ARCHIVE,))


def _entry(folder: Path, path: Path) -> Entry:
    found, name = path.lstat(), bytes(path.relative_to(folder))
    mode, mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
    if path.is_symlink():
        return make_entry(name, SYMLINK, linkname=bytes(path.readlink()), mode=mode, mtime=mtime)
    if path.is_dir():
        return make_entry(name + b"/", DIRECTORY, mode=mode, mtime=mtime)
    if path.is_file():
        return make_entry(name, body=_content(path), size=found.st_size, mode=mode, mtime=mtime)
    raise UsageError(f"{path} is neither a file, nor a folder, nor a symbolic link")


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(256 << 10):
            yield chunk


def _config(platform: Platform, layers: Layers) -> dict[str, object]:
    variant = {"variant": platform.variant} if platform.variant else {}
    return {
        "os": platform.os,
        "architecture": platform.architecture,
        **variant,
        "rootfs": {"type": "layers", "diff_ids": [str(layer.digest) for layer, _ in layers]},
        "history": [{"created_by": f"stack {folder.name}"} for _, folder in layers],
    }


def _manifest(config: Document, layers: Layers) -> dict[str, object]:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor().to_json(),
        "layers": [layer.to_json() for layer, _ in layers],
    }


def _document(media_type: str, content: dict[str, object]) -> Document:
    return Document(strict_json.dumps(content), media_type)
