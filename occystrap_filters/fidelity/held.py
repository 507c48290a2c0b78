"""How a destination holds the layers that it was given."""

from __future__ import annotations

from collections.abc import Mapping

from occystrap_core.contracts import Input
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OccystrapError
from occystrap_core.model.layer import SealedLayer

Held = Mapping[Digest, Descriptor]


def held_layers(destination: Input) -> Held:
    """The layers that its own manifest lists, by digest; none where there is more than one manifest."""
    try:
        manifest = strict_json.loads_object(destination.document(destination.root()))
        found = map(Descriptor.from_json, manifest.get("layers") or ())
        return {descriptor.digest: descriptor for descriptor in found}
    except OccystrapError:
        return {}


def as_held(layer: SealedLayer, held: Held) -> Descriptor:
    """The blob that was written; its uncompressed bytes where the destination, a daemon, unpacked it."""
    if layer.blob.digest in held or layer.diff_id is None:
        return layer.blob
    return held.get(layer.diff_id, layer.blob)
