"""Reading it back, so that the result can be compared with the source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO
from zipfile import BadZipFile, ZipFile

from occystrap_core.contracts import Address, Chunk, InputTraits, Settings
from occystrap_core.contracts.specs import NoOptions
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import InvalidImage, NotFound
from occystrap_core.model.image import ImageName
from occystrap_output_example.output import blob_name

_PIECE = 256 << 10
_MOST = (4 << 20) + 1
"""Of a document: one byte more than any may have, so that the engine sees that it is too long."""


class ZipInput:
    """Checks nothing that the engine checks: digests and sizes of all that is read."""

    def __init__(self, address: Address, options: NoOptions, settings: Settings) -> None:
        self._path = address.path()
        try:
            self._archive = ZipFile(self._path)
        except FileNotFoundError:
            raise NotFound(f"{self._path} does not exist") from None
        except BadZipFile as error:
            raise InvalidImage(f"{self._path} is no zip file: {error}") from None
        self.traits = InputTraits(file=self._path)

    def name(self) -> ImageName:
        return ImageName(self._path.stem, "latest")

    def root(self) -> Descriptor:
        index = strict_json.loads(self._read("index.json"))
        manifests = index.get("manifests") if isinstance(index, dict) else None
        if not isinstance(manifests, list) or len(manifests) != 1:
            raise InvalidImage(f"index.json in {self._path} does not list one image")
        return Descriptor.from_json(manifests[0], "index.json")

    def document(self, descriptor: Descriptor) -> bytes:
        return self._read(blob_name(descriptor.digest))

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        with self._opened(blob_name(descriptor.digest)) as member:
            while chunk := member.read(_PIECE):
                yield chunk

    def close(self) -> None:
        self._archive.close()

    def _read(self, name: str) -> bytes:
        with self._opened(name) as member:
            return member.read(_MOST)

    def _opened(self, name: str) -> IO[bytes]:
        try:
            return self._archive.open(name)
        except KeyError:
            raise NotFound(f"{self._path} has no {name}") from None
