"""Archives for tests, made by hand, and the little it takes to read and to write one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occystrap_core.contracts import Address, Depth, Finding, Settings, Verifier
from occystrap_core.contracts.options import parse_options
from occystrap_core.contracts.output import OutputContext
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.process import process
from occystrap_core.engine.selection import Selection
from occystrap_core.engine.source_tree import read_tree
from occystrap_core.kit.oci_layout.names import blob_file
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import ImageName, images_of
from occystrap_core.model.media_types import Compression, layer_compression
from occystrap_core.streams.codec import inflate
from occystrap_core.streams.verified import Measured, verified
from occystrap_core.testing.build import BuiltImage, BuiltIndex, Content, Member, layer_tar
from occystrap_core.testing.memory import SAMPLE_NAME, MemoryInput
from occystrap_inputs.tar.input import TarInput, open_input
from occystrap_inputs.tar.plugin import TarInputOptions
from occystrap_outputs.tar.output import TarOutput, open_output
from occystrap_outputs.tar.plugin import TarOutputOptions
from occystrap_outputs.tar.verifier import TarVerifier

ONE_PLATFORM = Selection((DEFAULT_PLATFORM,))
EVERYTHING = Selection((), everything=True)

LAYER = layer_tar(("etc/", ""), ("etc/motd", "hello\n"))
OTHER_LAYER = layer_tar(("usr/", ""), ("usr/bin", "world\n"))


def config_of(*layers: bytes, **also: Any) -> bytes:
    """An image config that lists these layers."""
    diff_ids = [str(Digest.of(layer)) for layer in layers]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}, **also}
    return json.dumps(config).encode()


def manifest_json(*images: Mapping[str, Any]) -> tuple[str, bytes]:
    return "manifest.json", json.dumps(images).encode()


def saved(config: str, layers: Iterable[str], tags: Iterable[str] | None = ("sample:latest",)) -> dict[str, Any]:
    return {"Config": config, "RepoTags": tags and list(tags), "Layers": list(layers)}


def write_archive(path: Path, *members: Member) -> Path:
    path.write_bytes(layer_tar(*members))
    return path


def write_saved(path: Path, *layers: bytes, config: bytes | None = None, tags: Iterable[str] = ()) -> Path:
    """A docker-save archive whose layers are the members l0, l1 …"""
    names = [f"l{position}" for position in range(len(layers))]
    return write_archive(
        path,
        ("config.json", config_of(*layers) if config is None else config),
        *zip(names, layers, strict=True),
        manifest_json(saved("config.json", names, tags)),
    )


def layout_members(content: Content, *, without: Sequence[Digest] = ()) -> list[Member]:
    found = {**content.blobs, **content.documents}
    marker = ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    return [marker, *((blob_file(digest), raw) for digest, raw in found.items() if digest not in without)]


def index_json(*entries: tuple[BuiltImage | BuiltIndex, Mapping[str, str]], **also: Any) -> tuple[str, bytes]:
    manifests = [{**built.root.to_json(), **({"annotations": notes} if notes else {})} for built, notes in entries]
    return "index.json", json.dumps({"schemaVersion": 2, "manifests": manifests, **also}).encode()


def write_layout(path: Path, content: BuiltImage | BuiltIndex, **annotations: str) -> Path:
    notes = {key.replace("_", "."): value for key, value in annotations.items()}
    return write_archive(path, *layout_members(content), index_json((content, notes)))


def opened(path: Path | str, ref: str = "", settings: Settings | None = None) -> TarInput:
    return open_input(Address("tar", str(path)), TarInputOptions(ref), settings or Settings())


@dataclass(frozen=True)
class ReadImage:
    """What the engine reads from a source: `layers` are the uncompressed bytes."""

    name: str
    root: str
    config: bytes
    compressions: tuple[Compression | None, ...]
    layers: tuple[bytes, ...]


def read_back(path: Path | str, ref: str = "") -> ReadImage:
    """The one image of an archive, every byte checked against its digest on the way."""
    source = opened(path, ref)
    try:
        tree, _ = read_tree(source, EVERYTHING)
        (image,) = images_of(tree)
        compressions, layers = [], []
        for layer in image.layers:
            compression = layer_compression(layer.descriptor.media_type) or Compression.NONE
            chunks = verified(source.blob(layer.descriptor), layer.descriptor, "layer")
            plain = b"".join(bytes(chunk) for chunk in inflate(chunks, compression))
            assert Digest.of(plain) == layer.diff_id
            compressions.append(compression)
            layers.append(plain)
        return ReadImage(
            str(source.name()), str(tree.descriptor.digest), image.config.raw, tuple(compressions), tuple(layers)
        )
    finally:
        source.close()


def output_to(path: Path | str, settings: Settings | None = None, **query: str) -> TarOutput:
    options = parse_options(TarOutputOptions, query.items(), "tar://")
    return open_output(Address("tar", str(path)), options, OutputContext(settings or Settings(), SAMPLE_NAME))


def transfer(
    content: Any,
    path: Path | str,
    *,
    selection: Selection = ONE_PLATFORM,
    depth: Depth | None = Depth.FULL,
    parallel: int = 4,
    called: ImageName = SAMPLE_NAME,
    verifier: Verifier | None = None,
    **query: str,
) -> Outcome:
    """The engine's own way from a source (or content in memory) to an archive, verified to the last byte."""
    source = content if hasattr(content, "blob") else MemoryInput(content, name=called)
    options = parse_options(TarOutputOptions, query.items(), "tar://")
    settings = Settings(parallel=parallel)
    request = Request(
        source,
        lambda context: open_output(Address("tar", str(path)), options, context),
        selection,
        settings=settings,
        progress=Silent(),
        verifiers=(("tar", verifier or TarVerifier()),),
        depth=depth,
    )
    return process(request)


def messages(findings: Iterable[Finding]) -> list[str]:
    return [f"{finding.check}: {finding.message}" for finding in findings]


def digest_of(chunks: Iterable[bytes | memoryview]) -> Digest:
    measured = Measured(chunks)
    for _ in measured:
        pass
    return measured.digest
