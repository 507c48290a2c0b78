"""Opening a source to look at it, for commands that write nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from occystrap_core.cli.opening import find_source
from occystrap_core.cli.session import Session
from occystrap_core.contracts.input import Input
from occystrap_core.engine.source_tree import Unread, read_tree, read_what_can_be_read
from occystrap_core.model.errors import UsageError, attributed
from occystrap_core.model.image import ATTESTED_DIGEST, Image, ImageName, images_of
from occystrap_core.model.value import value


@value
class Inspected:
    """An opened source with the images that were asked for."""

    source: Input
    name: ImageName
    wanted: tuple[Image | Unread, ...]

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(image for image in self.wanted if isinstance(image, Image))

    @property
    def only_image(self) -> Image:
        if len(self.images) != 1:
            platforms = ", ".join(str(image.platform) for image in self.images)
            raise UsageError(
                f"this command looks into one image, and {len(self.images)} were asked for",
                hint=f"choose one with --platform: {platforms}",
            )
        image = self.images[0]
        if image.is_artifact:
            raise UsageError("this is an artifact: it has no file system to look into")
        return image


@contextmanager
def inspecting(session: Session, uri: str, *, tolerant: bool = False) -> Iterator[Inspected]:
    """The source is open inside the block; what it has to tell is told at once.

    `tolerant` commands get what they can, where several images were asked for and some are broken.
    """
    source = find_source(session.plugins, uri)
    if source.streamed and session.value("password_stdin"):
        raise UsageError("the image and the password cannot both come from stdin", hint="leave out --password-stdin")
    opened = source.open(session.settings)
    try:
        found, notes = _read(opened, session, tolerant)
        with attributed("source"):
            name = opened.name()
        for note in notes:
            session.warn(note)
        yield Inspected(opened, name, _without_attestations(session, found))
    finally:
        opened.close()


def _read(opened: Input, session: Session, tolerant: bool) -> tuple[tuple[Image | Unread, ...], tuple[str, ...]]:
    if tolerant:
        return read_what_can_be_read(opened, session.selection)
    tree, notes = read_tree(opened, session.selection, copying=False)
    return images_of(tree), notes


def _without_attestations(session: Session, found: tuple[Image | Unread, ...]) -> tuple[Image | Unread, ...]:
    """They are not images to look into, unless there is nothing else."""
    images = tuple(each for each in found if not each.descriptor.annotations.get(ATTESTED_DIGEST))
    for each in found:
        if isinstance(each, Unread) and each not in images:
            session.warn(f"an attestation could not be read: {each.error}")
    return images or found
