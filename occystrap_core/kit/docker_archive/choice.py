"""Which of an archive's images is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from occystrap_core.kit.docker_archive.content import ArchivedImage
from occystrap_core.kit.docker_archive.names import UNNAMED, same_name
from occystrap_core.model.digest import HEX_LENGTHS
from occystrap_core.model.errors import NotFound
from occystrap_core.model.image import ImageName

_LISTED = 20


@dataclass(frozen=True, slots=True)
class GivenName:
    """One name of an image: how the archive spells it, in one way or more, and what it means."""

    spellings: tuple[str, ...]
    meant: ImageName

    def __str__(self) -> str:
        first = self.spellings[0]
        return first if first.isprintable() else ascii(first)


@dataclass(frozen=True, slots=True)
class Choice:
    """An image that may be asked for. `digest` is what it can be asked for by."""

    names: tuple[GivenName, ...]
    digest: Callable[[], str]
    open: Callable[[], ArchivedImage]

    @property
    def name(self) -> ImageName:
        return self.names[0].meant if self.names else UNNAMED

    def __str__(self) -> str:
        return " ".join(map(str, self.names)) or "unnamed"


@dataclass(frozen=True, slots=True)
class Chosen:
    image: Choice
    name: ImageName
    notes: tuple[str, ...] = ()


def choose(images: Sequence[Choice], ref: str, what: str) -> Chosen:
    """By name, digest or position; the first one where nothing is asked for."""
    if not ref:
        return Chosen(images[0], images[0].name, _others(images, what))
    if found := _by_name(images, ref):
        return found
    image = _by_digest(images, ref) if ref.partition(":")[0] in HEX_LENGTHS else _by_position(images, ref)
    if image is None:
        raise NotFound(f"{what} has no image {ref!r}", hint=f"it has {_listed(images)}; choose by name or position")
    return Chosen(image, image.name)


def _by_name(images: Sequence[Choice], ref: str) -> Chosen | None:
    given = [(image, name, spelling) for image in images for name in image.names for spelling in name.spellings]
    exact = (Chosen(image, name.meant) for image, name, spelling in given if spelling == ref)
    alike = (Chosen(image, name.meant) for image, name, spelling in given if same_name(spelling, ref))
    return next(exact, None) or next(alike, None)


def _by_digest(images: Sequence[Choice], ref: str) -> Choice | None:
    return next((image for image in images if image.digest() == ref), None)


def _by_position(images: Sequence[Choice], ref: str) -> Choice | None:
    digits = ref.removeprefix("@")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        return None
    position = int(digits)
    return images[position] if position < len(images) else None


def _others(images: Sequence[Choice], what: str) -> tuple[str, ...]:
    if len(images) > 1:
        return (f"{what} holds {len(images)} images, {_listed(images)}: the first is read, ?ref= chooses another",)
    names = images[0].names
    if len(names) > 1:
        return (f"{what} holds one image of {len(names)} names, {_listed(images)}: it goes by the first",)
    return ()


def _listed(images: Sequence[Choice]) -> str:
    labels = [f"{position}: {image}" for position, image in enumerate(images)]
    more = f" and {len(labels) - _LISTED} more" if len(labels) > _LISTED else ""
    return ", ".join(labels[:_LISTED]) + more
