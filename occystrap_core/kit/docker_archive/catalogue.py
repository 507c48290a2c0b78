"""The images of an archive, by its index.json or by its manifest.json.

Docker writes both since version 25. index.json is the better one to read, since it keeps the
manifest and with it the image's digest; but it may be empty or name content that was not
saved, and an archive that says two different things is read as docker reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.choice import Choice, GivenName
from occystrap_core.kit.docker_archive.content import ArchivedImage
from occystrap_core.kit.docker_archive.layout_content import LayoutContent
from occystrap_core.kit.docker_archive.names import UNNAMED, image_name
from occystrap_core.kit.docker_archive.saved import MANIFEST_FILE, SavedImage, saved_images
from occystrap_core.kit.docker_archive.saved_as_found import SavedAsFound
from occystrap_core.kit.docker_archive.saved_content import SavedContent
from occystrap_core.kit.docker_archive.wholeness import look_below
from occystrap_core.kit.oci_layout.index import LayoutIndex
from occystrap_core.kit.oci_layout.names import CONTAINERD_NAME, INDEX_FILE, REF_NAME
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import ContentError, InvalidImage, LimitExceeded, NotFound
from occystrap_core.model.image import ImageName

_OLD_LIST = "repositories"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """At least one image, in the order of the archive's own list."""

    images: tuple[Choice, ...]
    notes: tuple[str, ...] = ()


def read_catalogue(archive: Archive, *, as_found: bool = False) -> Catalogue:
    """`as_found` opens also images of manifest.json that are broken."""
    if MANIFEST_FILE not in archive.members:
        return Catalogue(_by_index(archive, _required_index(archive), unpacked=False))
    saved = saved_images(archive.required(MANIFEST_FILE, "it must have"), archive.what)
    notes: tuple[str, ...] = ()
    try:
        if index := _index(archive):
            return _by_both(archive, index, saved)
    except (ContentError, LimitExceeded, NotFound) as error:
        notes = (f"read by its {MANIFEST_FILE}: {error.message}",)
    return Catalogue(_by_manifest(archive, saved, as_found=as_found), notes)


def _by_both(archive: Archive, index: LayoutIndex, saved: Sequence[SavedImage]) -> Catalogue:
    """All that index.json leads to; where not all of it was saved, the images of manifest.json with their manifests."""
    below = look_below(archive, index)
    manifests = below.of(archive, saved)
    if not below.missing:
        return Catalogue(_by_index(archive, index, unpacked=True))
    images = tuple(
        Choice(_tags(image), partial(str, root.digest), partial(LayoutContent, archive, index, root, unpacked=True))
        for image, root in zip(saved, manifests, strict=True)
    )
    return Catalogue(images, (f"{INDEX_FILE} leads to content that was not saved",))


def _required_index(archive: Archive) -> LayoutIndex:
    index = _index(archive)
    if index is not None:
        return index
    if INDEX_FILE in archive.members:
        raise InvalidImage(f"{archive.what}: {INDEX_FILE} lists no image")
    if _OLD_LIST in archive.members:
        raise InvalidImage(
            f"{archive.what} was saved by a docker older than 1.10: it has no {MANIFEST_FILE}",
            hint="load it into a current docker and save it again",
        )
    raise InvalidImage(f"{archive.what} is not an image archive: it has neither {MANIFEST_FILE} nor {INDEX_FILE}")


def _index(archive: Archive) -> LayoutIndex | None:
    """None where there is none, or an empty one, as docker 25 writes for images without a name."""
    raw = archive.document(INDEX_FILE)
    if raw is None or not strict_json.loads_object(raw, f"{archive.what}: {INDEX_FILE}").get("manifests"):
        return None
    return LayoutIndex.parse(raw, archive.what)


def _by_manifest(archive: Archive, saved: Sequence[SavedImage], *, as_found: bool) -> tuple[Choice, ...]:
    form: Callable[[Archive, SavedImage], ArchivedImage] = SavedAsFound if as_found else SavedContent
    image_id = lru_cache(None)(partial(_image_id, archive))
    return tuple(
        Choice(
            names=_tags(image),
            digest=partial(image_id, image.config),
            open=partial(form, archive, image),
        )
        for image in saved
    )


def _tags(image: SavedImage) -> tuple[GivenName, ...]:
    return tuple(GivenName((tag,), image_name(tag) or UNNAMED) for tag in image.tags)


def _image_id(archive: Archive, config: str) -> str:
    return str(Digest.of(archive.required(config, f"{MANIFEST_FILE} names as config")))


def _by_index(archive: Archive, index: LayoutIndex, *, unpacked: bool) -> tuple[Choice, ...]:
    names: dict[Digest, list[GivenName]] = {}
    roots: dict[Digest, Descriptor] = {}
    for root in _roots(index):
        roots.setdefault(root.digest, root)
        names.setdefault(root.digest, []).extend(_given_name(root))
    return tuple(
        Choice(
            names=tuple(names[digest]),
            digest=partial(str, digest),
            open=partial(LayoutContent, archive, index, root, unpacked=unpacked),
        )
        for digest, root in roots.items()
    )


def _roots(index: LayoutIndex) -> tuple[Descriptor, ...]:
    """Entries for several platforms without names are one image: index.json itself is its index."""
    several = len({entry.digest for entry in index.entries}) > 1
    if several and all(entry.platform and not list(_given_name(entry)) for entry in index.entries):
        return (index.document.descriptor(),)
    return index.entries


def _given_name(entry: Descriptor) -> list[GivenName]:
    found = (entry.annotations.get(key) for key in (CONTAINERD_NAME, REF_NAME))
    spellings = tuple(name for name in found if isinstance(name, str) and name)
    return [GivenName(spellings, _meant(spellings))] if spellings else []


def _meant(spellings: Sequence[str]) -> ImageName:
    """A spelling without a repository is a tag."""
    for spelling in spellings:
        full = spelling if "/" in spelling or ":" in spelling else f"{UNNAMED.repository}:{spelling}"
        if found := image_name(full):
            return found
    return UNNAMED
