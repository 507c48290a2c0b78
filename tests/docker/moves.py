"""Images in and out of daemons, by the engine's own way."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from occystrap_core.contracts import Address, Depth, Finding, Input, Settings, Written
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM
from occystrap_core.engine.chain import OpenFilter
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.process import process
from occystrap_core.engine.selection import Selection
from occystrap_core.engine.source_tree import read_tree
from occystrap_core.model.image import Image
from occystrap_core.model.media_types import layer_compression
from occystrap_core.streams.codec import inflate
from occystrap_core.streams.verified import verified
from occystrap_inputs.docker.input import DockerInput
from occystrap_inputs.docker.plugin import DockerInputOptions
from occystrap_outputs.docker.output import open_output
from occystrap_outputs.docker.plugin import DockerOutputOptions
from occystrap_outputs.docker.verifier import DockerVerifier

SETTINGS = Settings()


@dataclass(frozen=True)
class ReadImage:
    """`layers` are uncompressed, `media_types` what the manifest calls them."""

    name: str
    root: str
    config: bytes
    layers: tuple[bytes, ...]
    media_types: tuple[str, ...]
    notes: tuple[str, ...]


class Waiting:
    """The same source, as if it could not hand anything on."""

    def __init__(self, opened: Input) -> None:
        self._opened = opened

    def __getattr__(self, name: str) -> Any:
        if name == "deliver":
            raise AttributeError(name)
        return getattr(self._opened, name)


def source(image: str, socket: Path, settings: Settings = SETTINGS) -> DockerInput:
    return DockerInput(Address("docker", image), DockerInputOptions(str(socket)), settings)


def read(image: str, socket: Path, settings: Settings = SETTINGS) -> ReadImage:
    """All of an image in a daemon, every byte checked against its digest."""
    opened = source(image, socket, settings)
    try:
        tree, notes = read_tree(opened, Selection((DEFAULT_PLATFORM,)))
        assert isinstance(tree, Image)
        descriptors = [layer.descriptor for layer in tree.layers]
        layers = []
        for descriptor in descriptors:
            compression = layer_compression(descriptor.media_type)
            assert compression is not None
            chunks = verified(opened.blob(descriptor), descriptor, "layer")
            layers.append(b"".join(bytes(chunk) for chunk in inflate(chunks, compression)))
        media_types = tuple(descriptor.media_type for descriptor in descriptors)
        return ReadImage(
            str(opened.name()), str(tree.descriptor.digest), tree.config.raw, tuple(layers), media_types, notes
        )
    finally:
        opened.close()


def load(
    content: Any,
    name: str,
    socket: Path,
    *,
    depth: Depth | None = Depth.FULL,
    filters: Sequence[OpenFilter] = (),
    settings: Settings = SETTINGS,
    meanwhile: Callable[[], object] = lambda: None,
) -> Outcome:
    """Process `content`, an input, into a daemon and look at the result; `meanwhile` happens between."""
    address, options = Address("docker", name), DockerOutputOptions(str(socket))
    request = Request(
        content,
        lambda context: open_output(address, options, context),
        Selection((DEFAULT_PLATFORM,)),
        settings=settings,
        progress=Silent(),
        filters=tuple(filters),
        verifiers=(("docker", _Later(meanwhile)),),
        depth=depth,
    )
    return process(request)


@dataclass(frozen=True)
class _Later:
    meanwhile: Callable[[], object]

    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        self.meanwhile()
        return DockerVerifier().verify(written, depth)


def members_of(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=BytesIO(archive)) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]


def only_entry(members: Mapping[str, bytes]) -> dict[str, Any]:
    (entry,) = json.loads(members["manifest.json"])
    assert isinstance(entry, dict)
    return entry
