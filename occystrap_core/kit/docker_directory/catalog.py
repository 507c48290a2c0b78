"""catalog.json: which manifest file of a directory belongs to which image."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.model import strict_json
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, NotFound
from occystrap_core.model.image import ImageName

CATALOG_FILE = "catalog.json"
MANIFEST_FILE = "manifest.json"

_UNSAFE = re.compile(r"[^A-Za-z0-9._:@+-]")
_LONGEST_STEM = 200  # leaves room in the 255 bytes of a file name


@dataclass(frozen=True, slots=True)
class Catalog:
    """Image, tag, manifest file."""

    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Folder) -> Catalog:
        """What the directory has; an empty catalog where it has none yet."""
        what = f"{folder}/{CATALOG_FILE}"
        try:
            found = strict_json.loads_object(folder.read(CATALOG_FILE), what)
        except NotFound:
            return cls()
        if not all(_is_tags(tags) for tags in found.values()):
            raise InvalidImage(f"{what} must map images to tags to the names of manifest files")
        return cls(found)

    def file_of(self, name: ImageName) -> str | None:
        return self.files.get(name.repository, {}).get(name.tag)

    def names(self) -> dict[ImageName, str]:
        return {ImageName(image, tag): file for image, tags in self.files.items() for tag, file in tags.items()}

    def with_image(self, name: ImageName, file: str) -> Catalog:
        """`file` belongs to `name` alone from now on: what it held for others has been replaced."""
        others = {other: held for other, held in self.names().items() if held != file and other != name}
        files: dict[str, dict[str, str]] = {}
        for image, held in {**others, name: file}.items():
            files.setdefault(image.repository, {})[image.tag] = held
        return Catalog(files)

    def own_file(self, name: ImageName) -> str:
        """A manifest file for `name` that no other image has, whatever their names have in common."""
        digest = Digest.of(str(name).encode()).hex[:12]
        stem = f"manifest-{_UNSAFE.sub('_', name.repository)}-{_UNSAFE.sub('_', name.tag)}"
        plain, distinct = f"{stem}.json", f"{stem[:_LONGEST_STEM]}-{digest}.json"
        known = self.file_of(name)
        if known in (plain, distinct):
            return known
        taken = plain in self.names().values()
        return distinct if taken or len(stem) > _LONGEST_STEM else plain

    def to_bytes(self) -> bytes:
        return readable(self.files)


def readable(obj: object) -> bytes:
    """The JSON of files that people and scripts look at."""
    return json.dumps(obj, indent=4, sort_keys=True).encode()


def _is_tags(tags: object) -> bool:
    return isinstance(tags, dict) and all(isinstance(file, str) for file in tags.values())
