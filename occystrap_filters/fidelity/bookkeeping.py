"""The quick look: documents, counts and digests that one run wrote down must agree with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from occystrap_core.contracts import DeclaredChanges, Finding, WrittenImage
from occystrap_core.model.layer import SealedLayer
from occystrap_filters.fidelity.findings import error


def check_bookkeeping(image: WrittenImage, allowed: DeclaredChanges) -> Iterator[Finding]:
    yield from _manifest(image)
    yield from _config(image, allowed)
    if len(image.layers) != len(image.source.layers):
        yield error(image, f"{len(image.layers)} layers were written, the source has {len(image.source.layers)}")
        return
    for position, layer in enumerate(image.layers):
        for message in _layer(image, position, layer, allowed):
            yield error(image, f"layer {position + 1} {message}", position)


def _manifest(image: WrittenImage) -> Iterator[Finding]:
    manifest = image.manifest.json
    named = manifest.get("config")
    if not isinstance(named, Mapping) or named.get("digest") != str(image.config.digest):
        yield error(image, f"the manifest does not name the config {image.config.digest.short}")
    listed = [(entry.get("digest"), entry.get("size")) for entry in manifest.get("layers", ())]
    if listed != [(str(layer.blob.digest), layer.blob.size) for layer in image.layers]:
        yield error(image, "the manifest does not list the layers that were written, in their order")


def _config(image: WrittenImage, allowed: DeclaredChanges) -> Iterator[Finding]:
    before, after = image.source.config.json, image.config.json
    if image.source.is_artifact:
        if image.config.raw != image.source.config.raw:
            yield error(image, "the artifact's config is not the source's")
        return
    rootfs = after.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, Mapping) else None
    if (diff_ids or []) != [str(layer.diff_id) for layer in image.layers]:
        yield error(image, "the config does not list the diff_ids of the layers that were written, in their order")
    for key in sorted(before.keys() | after.keys()):
        if _comparable(key, before, allowed) != _comparable(key, after, allowed):
            yield error(image, f"{key!r} of the config is not as in the source, and no filter declares that")


def _comparable(key: str, config: Mapping[str, Any], allowed: DeclaredChanges) -> object:
    """What of a key may not change; the marker of a missing key is what no JSON value equals."""
    value = config.get(key, ...)
    if key == "rootfs" and isinstance(value, Mapping):
        value = {name: found for name, found in value.items() if name != "diff_ids"}
    if key not in ("created", "history", "rootfs") and "config" in allowed.fields:
        return None
    if "created" in allowed.fields:
        return None if key == "created" else _without_times(value)
    return value


def _without_times(value: object) -> object:
    if not isinstance(value, list):
        return value
    return [
        {name: found for name, found in step.items() if name != "created"} if isinstance(step, Mapping) else step
        for step in value
    ]


def _layer(image: WrittenImage, position: int, layer: SealedLayer, allowed: DeclaredChanges) -> Iterator[str]:
    source = image.source.layers[position]
    if layer.source != source:
        yield "was made of another layer of the source"
    if layer.changed != (layer.diff_id != source.diff_id):
        what, state = ("changed", "the same") if layer.changed else ("unchanged", "another")
        yield f"is said to be {what}, but has {state} diff_id"
    if layer.changed and not (allowed.fields or allowed.may_drop or allowed.may_add):
        yield "was changed, and no filter declares a change"
    yield from _counts(layer, allowed)


def _counts(layer: SealedLayer, allowed: DeclaredChanges) -> Iterator[str]:
    stats = layer.stats
    expected = stats.entries_in - stats.dropped + stats.added
    if stats.entries_out != expected:
        yield f"has {stats.entries_out} entries where {expected} should be"
    if stats.dropped and not allowed.may_drop:
        yield f"lost {stats.dropped} entries, and no filter declares that"
    if stats.added and not allowed.may_add:
        yield f"gained {stats.added} entries, and no filter declares that"
    if stats.altered and not (allowed.fields or allowed.may_drop):
        yield f"has {stats.altered} altered entries, and no filter declares that"
    if not layer.changed and stats.entries_in != stats.entries_out:
        yield "is said to be unchanged, but has another number of entries"
