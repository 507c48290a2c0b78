"""One image of a directory, with the manifest that docker-save does not write."""

from __future__ import annotations

from collections.abc import Iterator

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.members import tidy
from occystrap_core.kit.docker_archive.saved import SavedImage
from occystrap_core.kit.docker_archive.synthesis import diff_ids_of, docker_manifest, document_among, lacks
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.folder.checked import digest_and_size
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.media_types import DOCKER_CONFIG, DOCKER_LAYER, Compression, recompressed_layer
from occystrap_core.streams.codec import sniff

_HEAD = 16


class DirectoryContent:
    """What its descriptors say is true, or is found out when the bytes are read: an uncompressed
    layer has the diff_id of the config, whatever its folder is called; a compressed one is hashed."""

    def __init__(self, folder: Folder, image: SavedImage) -> None:
        self._folder = folder
        self._config = Document(folder.read(tidy(image.config)), DOCKER_CONFIG)
        diff_ids = diff_ids_of(self._config, len(image.layers), str(folder))
        files = [tidy(name) for name in image.layers]
        layers = [self._described(file, diff_id) for file, diff_id in zip(files, diff_ids, strict=True)]
        self._files = {layer.digest: file for layer, file in zip(layers, files, strict=True)}
        self._manifest = docker_manifest(self._config.descriptor(), layers)

    def root(self) -> Descriptor:
        return self._manifest.descriptor()

    def document(self, descriptor: Descriptor) -> bytes:
        return document_among((self._manifest, self._config), descriptor, str(self._folder))

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        file = self._files.get(descriptor.digest)
        if file is None:
            raise lacks(str(self._folder), descriptor)
        return self._folder.chunks(file)

    def has_blob(self, descriptor: Descriptor) -> bool:
        return descriptor.digest in self._files

    def _described(self, file: str, diff_id: Digest) -> Descriptor:
        with self._folder.open(file) as opened:
            compression = sniff(opened.read(_HEAD)) or Compression.NONE
        if compression is Compression.NONE:
            digest, size = diff_id, self._folder.size(file)
        else:
            digest, size = digest_and_size(self._folder, file, "sha256")
        return Descriptor(recompressed_layer(DOCKER_LAYER, compression), digest, size)
