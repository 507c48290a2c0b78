"""Runs as the fidelity verifier is told of them, without an engine that could only be right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from occystrap_core.contracts import DeclaredChanges, Depth, Entry, Input, Receipt, Settings, Written
from occystrap_core.contracts.verifier import WrittenImage
from occystrap_core.engine.selection import Selection
from occystrap_core.engine.source_tree import read_tree
from occystrap_core.model.image import Image
from occystrap_core.model.layer import LayerStats, SealedLayer
from occystrap_core.testing.build import (
    BuiltImage,
    build_image,
    directory,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from occystrap_core.testing.memory import SAMPLE_NAME, MemoryInput
from occystrap_filters.fidelity.verifier import FidelityVerifier

NO_COUNTS = LayerStats()
DROPS = DeclaredChanges(may_drop=True)
TIMES = DeclaredChanges(frozenset({"mtime"}))
PASSWD = file("etc/passwd", "root:x:0:0\n", mode=0o644, mtime=9, xattrs={"security.capability": b"\x01\xff"})
MEMBERS: tuple[Entry, ...] = (
    directory("etc", mtime=9),
    PASSWD,
    hardlink("etc/passwd-", "etc/passwd", mtime=9),
    symlink("etc/link", "passwd", mtime=9),
    whiteout("etc/old"),
    opaque("etc/conf.d"),
    file("last", "end", mtime=9),
)


def image_of(built: BuiltImage) -> Image:
    tree, _ = read_tree(MemoryInput(built), Selection((), everything=True))
    assert isinstance(tree, Image)
    return tree


def sealed(source: Image, result: BuiltImage, stats: LayerStats) -> tuple[SealedLayer, ...]:
    return tuple(
        SealedLayer(before, after.diff_id, after.descriptor, changed=after.diff_id != before.diff_id, stats=stats)
        for before, after in zip(source.layers, result.layers, strict=True)
    )


def written(
    before: BuiltImage,
    after: BuiltImage,
    *filters: DeclaredChanges,
    stats: LayerStats = NO_COUNTS,
    reopen_source: Callable[[], Input] | None = None,
    reopen_destination: Callable[[], Input] | None = None,
) -> Written:
    """What a run would say that made `after` of `before`."""
    source = image_of(before)
    image = WrittenImage(source, after.manifest, after.config, sealed(source, after, stats))
    return Written(
        receipt=Receipt("memory", "memory://x", SAMPLE_NAME, after.root),
        images=(image,),
        documents=(after.config, after.manifest),
        filters=filters,
        settings=Settings(),
        reopen_source=reopen_source or (lambda: MemoryInput(before)),
        reopen_destination=reopen_destination or (lambda: MemoryInput(after)),
    )


def compared(
    before: Sequence[Entry], after: Sequence[Entry], *filters: DeclaredChanges, depth: Depth = Depth.FULL
) -> list[str]:
    """What the verifier says about a run that made `after` of `before`."""
    images = build_image([layer_tar(*before)]), build_image([layer_tar(*after)])
    return [finding.message for finding in FidelityVerifier().verify(written(*images, *filters), depth)]


def without(*names: str) -> tuple[Entry, ...]:
    return tuple(entry for entry in MEMBERS if entry.path.decode() not in names)


def with_instead(name: str, other: Entry) -> tuple[Entry, ...]:
    return tuple(other if entry.path.decode() == name else entry for entry in MEMBERS)
