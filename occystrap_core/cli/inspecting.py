"""Opening a source to look at it, for commands that write nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from occystrap_core.cli.opening import find_source
from occystrap_core.cli.session import Session
from occystrap_core.contracts.input import Input
from occystrap_core.engine.source_tree import read_tree
from occystrap_core.model.errors import UsageError, attributed
from occystrap_core.model.image import Image, ImageName, Index, images_of


@dataclass(frozen=True, slots=True)
class Inspected:
    """An opened source with the images that were asked for."""

    source: Input
    name: ImageName
    tree: Image | Index
    notes: tuple[str, ...]

    @property
    def images(self) -> tuple[Image, ...]:
        """Attestations are not images to look into."""
        return tuple(image for image in images_of(self.tree) if not image.attests) or images_of(self.tree)

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
def inspecting(session: Session, uri: str) -> Iterator[Inspected]:
    """The source is open inside the block; what it has to tell is told at once."""
    source = find_source(session.plugins, uri)
    if source.streamed and session.value("password_stdin"):
        raise UsageError("the image and the password cannot both come from stdin", hint="leave out --password-stdin")
    opened = source.open(session.settings)
    try:
        tree, notes = read_tree(opened, session.selection, copying=False)
        with attributed("source"):
            name = opened.name()
        for note in notes:
            session.warn(note)
        yield Inspected(opened, name, tree, notes)
    finally:
        opened.close()
