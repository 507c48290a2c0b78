"""What is wrong with a layer as a whole, so that one rule speaks of it and the others keep silent."""

from __future__ import annotations

from occystrap_core.contracts import LayerFacts, Stage
from occystrap_core.model.media_types import Compression, layer_compression

_OTHER_COMPRESSIONS = (
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x5d\0\0", "lzma"),
    (b"\x1f\x9d", "compress"),
    (b"\x1f\x8b", "gzip"),
)


def is_sound(facts: LayerFacts) -> bool:
    """Whether a tar layer is the one that is named, and could be read to its end."""
    return facts.layer.is_tar and facts.is_authentic and facts.damage is None


def is_nothing_known(facts: LayerFacts) -> bool:
    """Whether bytes whose media type says that they are compressed are neither that nor tar."""
    declared = layer_compression(facts.layer.descriptor.media_type) if facts.layer.descriptor else None
    plain = facts.compression is Compression.NONE and declared is not Compression.NONE
    return plain and facts.stage is Stage.ARCHIVE and not facts.entries


def foreign_compression(facts: LayerFacts) -> str:
    """What a blob that is no tar archive is compressed with, where no engine unpacks it; else empty."""
    if facts.stage is not Stage.ARCHIVE or facts.compression is not Compression.NONE:
        return ""
    return next((name for magic, name in _OTHER_COMPRESSIONS if facts.magic.startswith(magic)), "")
