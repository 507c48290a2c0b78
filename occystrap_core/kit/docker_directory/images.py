"""The images of a directory: what its catalog and its manifest files say there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from occystrap_core.kit.docker_archive.names import UNNAMED, image_name, reference_of, same_name
from occystrap_core.kit.docker_archive.saved import SavedImage, saved_images
from occystrap_core.kit.docker_directory.catalog import MANIFEST_FILE, Catalog
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.model.errors import ContentError, NotFound, UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.reference import DOCKER_HUB, Reference

_LISTED = 20


@dataclass(frozen=True, slots=True)
class ListedImage:
    """`names`: those of the catalog first."""

    saved: SavedImage
    names: tuple[str, ...]
    file: str

    @property
    def name(self) -> ImageName:
        """The first name, or another that only adds where it comes from."""
        first = self.names[0] if self.names else ""
        longer = (name for name in self.names if name.endswith(f"/{first}"))
        return image_name(next(longer, first)) or UNNAMED

    def is_called(self, wanted: str) -> bool:
        return wanted == self.file or any(same_name(name, wanted) for name in self.names)


def listed_images(folder: Folder) -> tuple[ListedImage, ...]:
    """Every image once, however many files describe it. NotFound where there is none."""
    images: dict[tuple[str, tuple[str, ...]], ListedImage] = {}
    for image in _all_images(folder):
        key = (image.saved.config, image.saved.layers)
        known = images.get(key)
        names = tuple(dict.fromkeys((*known.names, *image.names))) if known else image.names
        images[key] = ListedImage(image.saved, names, known.file if known else image.file)
    if not images:
        raise NotFound(f"{folder} holds no image: it has no {MANIFEST_FILE}", hint=_elsewhere(folder.path))
    return tuple(images.values())


def chosen_image(images: Sequence[ListedImage], ref: str, what: str) -> ListedImage:
    """The image called `ref`, or the only one where nothing is asked for."""
    found = [image for image in images if not ref or image.is_called(ref)]
    if len(found) == 1:
        return found[0]
    hint = f"it has {_names(images)}; choose with ?ref=IMAGE:TAG"
    if ref and not found:
        raise NotFound(f"{what} has no image {ref!r}", hint=hint)
    raise UsageError(f"{what} holds {len(found)} images{f' called {ref!r}' if ref else ''}", hint=hint)


def is_of_another(folder: Folder, file: str | None, name: ImageName) -> bool:
    """Whether a manifest file belongs to an image of the same path in another registry than `name` has."""
    if file is None:
        return False
    try:
        tags = [tag for image in saved_images(folder.read(file), file) for tag in image.tags]
    except (NotFound, ContentError):
        return False
    full_names = [found for found in map(image_name, tags) if found and _host(found)]
    return bool(full_names) and name not in full_names


def _all_images(folder: Folder) -> Iterator[ListedImage]:
    on_disk = folder.listing("manifest*.json")
    catalog = Catalog.of(folder)
    holders = _holders(catalog)
    for file in sorted({*catalog.names().values(), *on_disk}):
        listed = saved_images(folder.read(file), f"{folder}/{file}")
        for saved in listed:
            catalogued = _catalogued(catalog, file, saved) if len(listed) == 1 else ()
            own = (tag for tag in saved.tags if file in holders.get(_meaning(tag), (file,)))
            yield ListedImage(saved, (*catalogued, *own), file)


def _catalogued(catalog: Catalog, file: str, saved: SavedImage) -> tuple[str, ...]:
    """The catalog's names for this file; of several, those that the file knows itself.

    Catalogs were written that still lead to manifest.json for images it held before.
    """
    names = [name for name, held in catalog.names().items() if held == file]
    known = [name for name in names if {str(name), _short(name)} & set(saved.tags)]
    return tuple(str(name) for name in known or names)


def _holders(catalog: Catalog) -> dict[object, list[str]]:
    """The files that the catalog has for a name: one that it gave to another since is no file's own any more."""
    found: dict[object, list[str]] = {}
    for name, file in catalog.names().items():
        found.setdefault(_meaning(str(name)), []).append(file)
    return found


def _meaning(name: str) -> object:
    return reference_of(name) or name


def _host(name: ImageName) -> str:
    registry = Reference.parse(str(name)).registry
    return "" if registry == DOCKER_HUB else registry


def _short(name: ImageName) -> str:
    return f"{name.repository.rpartition('/')[2]}:{name.tag}"


def _names(images: Sequence[ListedImage]) -> str:
    names = [image.names[0] if image.names else image.file for image in images]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _elsewhere(path: Path) -> str:
    return "ocidir:// reads it" if (path / "oci-layout").exists() else ""
