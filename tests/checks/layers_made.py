"""Layers whose stored bytes are what a test wants, and what the rules about layers say of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from occystrap_core.contracts.finding import Severity
from occystrap_core.engine.check import Rule
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import OCI_LAYER
from occystrap_core.testing.build import BuiltLayer, Content, build_image, directory, file, layer_tar
from occystrap_core.testing.memory import MemoryInput
from tests.checks.rules import outcome, rules

FAMILIES = tuple(
    f"occystrap_checks.{family}." for family in ("compression", "tar", "whiteouts", "filesystem", "layers")
)
BLOB_RULES = ("blob-digest", "blob-size", "blob-missing", "blob-unreadable", "layer-seekable")
TAR = layer_tar(directory("etc"), file("etc/motd", "hello"))
GZIP, ZSTD, PLAIN = OCI_LAYER + "+gzip", OCI_LAYER + "+zstd", OCI_LAYER


@cache
def layer_rules() -> tuple[Rule, ...]:
    """The rules about layers and what is in them, those about blobs included."""
    return tuple(rule for rule in rules() if rule[0].implementation.startswith(FAMILIES) or rule[0].name in BLOB_RULES)


def told(content: Content | MemoryInput, **how: Any) -> list[tuple[str, str]]:
    """(id, severity) of everything that all these rules find, without the word that all is well."""
    found = outcome(content, *layer_rules(), **how).findings
    return sorted(
        (each.check, str(each.severity)) for each in found if each.check != "diff-id" or each.severity == "error"
    )


def worth_a_look(content: Content | MemoryInput, **how: Any) -> list[str]:
    """The ids of errors and warnings."""
    return [check for check, severity in told(content, **how) if severity != Severity.INFO]


def messages(content: Content | MemoryInput, rule: str, **how: Any) -> list[str]:
    return [each.message for each in outcome(content, *layer_rules(), **how).findings if each.check == rule]


def image_of(*layers: bytes | Iterable[Any] | BuiltLayer) -> Content:
    """An image of these layers, each given as tar bytes, as members or as built."""
    return build_image([layer if isinstance(layer, (bytes, BuiltLayer)) else layer_tar(*layer) for layer in layers])


def stored(
    blob: bytes, media_type: str = GZIP, tar: bytes = TAR, annotations: Mapping[str, str] | None = None
) -> BuiltLayer:
    """A layer of exactly these bytes; `tar` is what the config says that they are."""
    extra = {"annotations": dict(annotations)} if annotations else {}
    return BuiltLayer(Descriptor(media_type, Digest.of(blob), len(blob), extra=extra), blob, tar, Digest.of(tar))
