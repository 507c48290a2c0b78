"""Writing an image to an archive."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from occystrap_core.contracts import Address, Chunk, OutputContext, OutputTraits, Receipt, Slot, Staged
from occystrap_core.kit.docker_archive.forms import ArchiveForm, DockerSave, OciArchive
from occystrap_core.kit.docker_archive.names import image_name
from occystrap_core.kit.docker_archive.target import STANDARD_OUTPUT, FileTarget, PipeTarget
from occystrap_core.kit.docker_archive.writer import Announced, ArchiveWriter, StagedMember
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import NotFound, OptionError, UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression, Family
from occystrap_outputs.tar.plugin import ArchiveFormat, TarOutputOptions

_ANY = (Compression.GZIP, Compression.ZSTD, Compression.NONE)


def open_output(address: Address, options: TarOutputOptions, context: OutputContext) -> TarOutput:
    path = STANDARD_OUTPUT if address.is_standard_output else address.path()
    name = _name(options, context)
    seekable = _replaces_a_file(path)
    target = FileTarget(path) if seekable else PipeTarget(path)
    near = path.resolve().parent if seekable else None
    writer = ArchiveWriter(target, context.settings.temp_dir or near)
    form = OciArchive(name) if options.format is ArchiveFormat.OCI else DockerSave(name)
    return TarOutput(path, name, _traits(path, seekable, options, context), form, writer)


class TarOutput:
    """The archive appears under its name, complete, at commit(). A pipe is written as it comes."""

    def __init__(
        self, path: Path, name: ImageName, traits: OutputTraits, form: ArchiveForm, writer: ArchiveWriter
    ) -> None:
        self.traits = traits
        self._path = path
        self._name = name
        self._form = form
        self._writer = writer

    def cannot_modify_reason(self) -> str:
        return ""

    def holds(self, digest: Digest) -> int | None:
        return None

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> StagedMember:
        name = self._form.announced(slot.expected) if slot.expected else ""
        announced = Announced(name, slot.expected.size) if slot.expected and name else None
        return self._writer.stage(chunks, slot.order, announced)

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        assert isinstance(staged, StagedMember)
        self._writer.keep(staged, self._form.member_name(blob, layer))

    def discard(self, staged: Staged) -> None:
        assert isinstance(staged, StagedMember)
        self._writer.discard(staged)

    def put_document(self, document: Document) -> None:
        for name, content in self._form.documents(document):
            self._writer.add(name, content)

    def commit(self, root: Descriptor) -> Receipt:
        for name, content in self._form.closing(root):
            self._writer.add(name, content)
        self._writer.finish()
        return Receipt("tar", _uri(self._path), self._name, root, {"format": self._form.format})

    def abort(self) -> None:
        self._writer.abort()


def _name(options: TarOutputOptions, context: OutputContext) -> ImageName:
    if not options.name:
        return context.source_name
    name = image_name(options.name)
    if name is None:
        raise OptionError(f"option 'name': {options.name!r} is not an image name")
    return name


def _replaces_a_file(path: Path) -> bool:
    """Whether the archive becomes a regular file, and not something that is written to as it is."""
    if path == STANDARD_OUTPUT:
        if sys.__stdout__ is None:
            raise UsageError("standard output is closed")
        if os.isatty(1):
            raise UsageError("standard output is a terminal", hint="redirect it, or name a file")
        return False
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.resolve().parent.is_dir():
            raise NotFound(f"the folder {path.parent} does not exist") from None
        return True
    if stat.S_ISDIR(mode):
        raise UsageError(f"{path} is a directory", hint="dir:// and ocidir:// write into directories")
    return stat.S_ISREG(mode)


def _traits(path: Path, seekable: bool, options: TarOutputOptions, context: OutputContext) -> OutputTraits:
    file = path if seekable else None
    if options.format is ArchiveFormat.OCI:
        convert = options.compression or context.settings.compression
        compressions = (convert,) if convert else _ANY
        return OutputTraits(compressions, convert, Family.OCI, file=file)
    layers = options.compression or Compression.NONE
    # Docker has no media type for zstd, but the archive has no media types either.
    family = None if layers is Compression.ZSTD else Family.DOCKER
    return OutputTraits((layers,), options.compression, family, holds_indexes=False, holds_artifacts=False, file=file)


def _uri(path: Path) -> str:
    return "tar://-" if path == STANDARD_OUTPUT else f"tar://{quote(bytes(path.absolute()))}"
