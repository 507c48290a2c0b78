"""Writes an image as the files of a docker-save archive, beside those that are there."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from urllib.parse import quote

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import OutputContext, OutputTraits, Receipt, Slot, Staged
from occystrap_core.kit.docker_archive.names import full_reference
from occystrap_core.kit.docker_directory.catalog import CATALOG_FILE, MANIFEST_FILE, Catalog, readable
from occystrap_core.kit.docker_directory.images import is_of_another
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.folder.checked import CheckedFiles
from occystrap_core.kit.folder.lock import exclusively
from occystrap_core.kit.folder.staging import StagedFile, Staging
from occystrap_core.kit.rootfs.workplace import Workplace
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import MANIFESTS, Compression
from occystrap_outputs.dir.expanded import directory_of, require_room, unpack, workplace
from occystrap_outputs.dir.plugin import DirectoryOutputOptions


class DirectoryOutput:
    """Layers are named by their diff_ids and configs by their digests, so images share what is equal."""

    traits = OutputTraits(compressions=(Compression.NONE,), holds_indexes=False, holds_artifacts=False, any_order=True)

    def __init__(self, address: Address, options: DirectoryOutputOptions, context: OutputContext) -> None:
        self._target = address.target
        self._path = address.path()
        self._folder = Folder(self._path)
        _require_room(self._folder)
        self._unique_names = options.unique_names
        self._expand = options.expand
        self._overwrite = options.overwrite
        if options.expand:
            self._require_room_for_a_tree()
        self._name = ImageName(context.source_name.repository or "unknown", context.source_name.tag or "latest")
        self._short_name, self._full_name = _listed_names(self._name, context.source_origin)
        self._present = CheckedFiles(self._folder)
        self._staging = Staging(self._path)
        self._lock = threading.Lock()
        self._kept: dict[Digest, tuple[str, StagedFile]] = {}
        self._manifests: dict[Digest, Document] = {}

    def cannot_modify_reason(self) -> str:
        return ""

    def holds(self, digest: Digest) -> int | None:
        with self._lock:
            if digest in self._kept:
                return self._kept[digest][1].size
        return self._present.size(layer_file(digest), digest)

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> StagedFile:
        return self._staging.take(chunks)

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        self._keep(staged, blob.digest, layer_file(blob.digest))

    def discard(self, staged: Staged) -> None:
        assert isinstance(staged, StagedFile)
        with self._lock:
            self._kept = {digest: kept for digest, kept in self._kept.items() if kept[1] is not staged}
        self._staging.drop(staged)

    def put_document(self, document: Document) -> None:
        digest = document.digest
        if document.media_type in MANIFESTS:
            self._manifests[digest] = document
        else:
            self._keep(self._staging.take((document.raw,)), digest, config_file(digest))

    def commit(self, root: Descriptor) -> Receipt:
        manifest = self._manifests[root.digest]
        details: dict[str, object] = {"path": str(self._path)}
        with ExitStack() as undo:
            undo.enter_context(exclusively(self._path))
            catalog, listed, file = self._chosen()
            tree = self._unpacked(directory_of(file), manifest, details, undo) if self._expand else None
            for name, staged in self._kept.values():
                self._staging.place(staged, name)
            self._staging.sync()
            if tree is not None:
                tree.commit()
            self._list(catalog, listed, file, manifest)
        self._staging.close()
        return Receipt(
            scheme="dir",
            uri=f"dir://{self._target}?ref={quote(str(listed), safe='/:')}",
            name=self._name,
            root=root,
            details={**details, "image": listed.repository, "tag": listed.tag, "manifest": file},
        )

    def abort(self) -> None:
        self._staging.abandon()

    def _require_room_for_a_tree(self) -> None:
        require_room(self._path, overwrite=self._overwrite)
        if self._path.is_dir() and not self._unique_names:
            workplace(self._path, directory_of(MANIFEST_FILE), overwrite=self._overwrite)

    def _keep(self, staged: Staged, digest: Digest, name: str) -> None:
        assert isinstance(staged, StagedFile)
        with self._lock:
            _, known = self._kept.setdefault(digest, (name, staged))
        if known is not staged:
            self._staging.drop(staged)

    def _unpacked(self, name: str, manifest: Document, details: dict[str, object], undo: ExitStack) -> Workplace:
        """A tree without its name yet: a layer that cannot be unpacked is noticed before any file has its own."""
        place = workplace(self._path, name, overwrite=self._overwrite)
        undo.callback(place.abort)
        details["expanded"] = unpack(place, self._layers(manifest)).to_json()
        return place

    def _layers(self, manifest: Document) -> Iterator[Iterable[Chunk]]:
        for layer in manifest.json["layers"]:
            digest = Digest.parse(layer["digest"])
            if digest in self._kept:
                staged = self._kept[digest][1].path
                yield Folder(staged.parent).chunks(staged.name)
            else:
                yield self._folder.chunks(layer_file(digest))

    def _chosen(self) -> tuple[Catalog, ImageName, str]:
        """The catalog as it is by now, what it will call the image, and its manifest file."""
        catalog = Catalog.of(self._folder)
        taken = is_of_another(self._folder, catalog.file_of(self._short_name), self._name)
        listed = self._full_name if taken else self._short_name
        return catalog, listed, catalog.own_file(listed) if self._unique_names else MANIFEST_FILE

    def _list(self, catalog: Catalog, listed: ImageName, file: str, manifest: Document) -> None:
        """Write the manifest file, and enter it into the catalog."""
        self._write(file, readable([_entry(manifest, listed, self._name)]))
        self._write(CATALOG_FILE, catalog.with_image(listed, file).to_bytes())
        self._staging.sync()

    def _write(self, name: str, content: bytes) -> None:
        self._staging.place(self._staging.take((content,)), name)


def _require_room(folder: Folder) -> None:
    """Find out before the transfer what would make the commit fail."""
    if folder.path.exists():
        if not folder.path.is_dir():
            raise UsageError(f"{folder} is not a directory", hint="tar:// writes an archive")
        Catalog.of(folder)


def layer_file(diff_id: Digest) -> str:
    return f"{diff_id.hex}/layer.tar"


def config_file(digest: Digest) -> str:
    return f"{digest.hex}.json"


def _listed_names(name: ImageName, origin: tuple[str, str] | None) -> tuple[ImageName, ImageName]:
    """What catalogs and file names are made of: `team/app` of quay.io/team/app, or all of it
    where another registry's image has that name already."""
    if origin is None:
        return name, name
    host, repository = origin
    return ImageName(repository, name.tag), ImageName(f"{host}/{repository}", name.tag)


def _entry(manifest: Document, listed: ImageName, name: ImageName) -> dict[str, object]:
    """What manifest.json says of an image whose layers lie uncompressed, named by their diff_ids."""
    config = Digest.parse(manifest.json["config"]["digest"])
    layers = [Digest.parse(layer["digest"]) for layer in manifest.json["layers"]]
    reference = full_reference(name)
    return {
        "Config": config_file(config),
        "ImageName": listed.repository,
        "Layers": [layer_file(layer) for layer in layers],
        "RepoTags": [str(reference.name)] if reference else [],
    }
