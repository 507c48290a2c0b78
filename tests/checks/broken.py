"""Images whose documents say what a test wants them to say, right or wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from occystrap_core.contracts.finding import Finding
from occystrap_core.engine.check import Rule
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.media_types import OCI_INDEX, OCI_MANIFEST, Family
from occystrap_core.testing.build import BuiltImage, Content, Member, build_image, directory, file, layer_tar
from occystrap_core.testing.memory import MemoryInput, StoredImage
from tests.checks.rules import findings, rules

Edit = Callable[[dict[str, Any]], object]
DOCUMENT_FAMILIES = tuple(f"occystrap_checks.{family}." for family in ("graph", "index", "config", "compat"))
NOON = "2023-05-01T12:00:00Z"


@cache
def document_rules() -> tuple[Rule, ...]:
    """The rules about documents and what follows from them."""
    return tuple(rule for rule in rules() if rule[0].implementation.startswith(DOCUMENT_FAMILIES))


def found(content: Content | MemoryInput, **how: Any) -> list[Finding]:
    return findings(content, *document_rules(), **how)


def nothing(_: dict[str, Any]) -> None:
    """Leaves a document as it is."""


def image(*members: Member, **how: Any) -> BuiltImage:
    """A clean OCI image of one layer."""
    content = members or (directory("etc"), file("etc/motd", "hello"))
    also = {"created": NOON, **how.pop("config", {})}
    return build_image([layer_tar(*content)], family=how.pop("family", Family.OCI), config=also, **how)


def edited(base: BuiltImage, manifest: Edit = nothing, config: Edit = nothing) -> StoredImage:
    """`base` with other documents; digests and sizes follow, unless the edit says otherwise."""
    config_json = json.loads(base.config.raw)
    config(config_json)
    config_raw = _dumped(config_json)
    manifest_json = json.loads(base.manifest.raw)
    manifest_json["config"] |= {"digest": str(Digest.of(config_raw)), "size": len(config_raw)}
    manifest(manifest_json)
    return stored(_dumped(manifest_json), [config_raw], dict(base.blobs), base.root)


def stored(
    manifest: bytes, documents: Iterable[bytes], blobs: dict[Digest, bytes], like: Descriptor | None = None
) -> StoredImage:
    """An image of exactly these bytes."""
    media_type = like.media_type if like else OCI_MANIFEST
    root = Descriptor(media_type, Digest.of(manifest), len(manifest), like.platform if like else None)
    return StoredImage(root, {Digest.of(raw): raw for raw in (*documents, manifest)}, blobs)


def index(children: Iterable[Content], edit: Edit = nothing, media_type: str = OCI_INDEX) -> StoredImage:
    """An index over these; platforms are those of their root descriptors."""
    children = list(children)
    entries = [_entry(child) for child in children]
    index_json: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
    edit(index_json)
    raw = _dumped(index_json)
    documents = {digest: each for child in children for digest, each in child.documents.items()}
    blobs = {digest: each for child in children for digest, each in child.blobs.items()}
    document = Document(raw, media_type)
    return StoredImage(document.descriptor(), {**documents, document.digest: raw}, blobs)


def configured(*members: Member, **run: Any) -> StoredImage:
    """An image with these fields in the `config` of its config."""
    return edited(image(*members), config=lambda json: json["config"].update(run))


def without(content: Content, *digests: Digest) -> StoredImage:
    """What is left when a registry has lost these documents and blobs."""
    return StoredImage(
        content.root,
        {digest: raw for digest, raw in content.documents.items() if digest not in digests},
        {digest: raw for digest, raw in content.blobs.items() if digest not in digests},
    )


def _entry(child: Content) -> dict[str, Any]:
    root, entry = child.root, child.root.to_json()
    if root.platform:
        platform = {"os": root.platform.os, "architecture": root.platform.architecture}
        entry["platform"] = platform | ({"variant": root.platform.variant} if root.platform.variant else {})
    return entry


def _dumped(obj: object) -> bytes:
    return json.dumps(obj, separators=(",", ":")).encode()
