"""The facts about an image, as `info -O json` tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from occystrap_core.cli.info_referrers import ReferrersFound, child_facts
from occystrap_core.cli.inspecting import Inspected, inspecting
from occystrap_core.cli.rendering import plural, without_credentials
from occystrap_core.cli.session import Session
from occystrap_core.engine.documents import children_of, read_manifest_or_index
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OccystrapError, attributed
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.model.media_types import INDEXES, Compression, layer_compression

if TYPE_CHECKING:
    from occystrap_core.engine.layer_sizes import LayerSize
    from occystrap_core.engine.source_tree import Unread

Facts = dict[str, Any]
Sizes = Mapping[Digest, "LayerSize | OccystrapError"]

VERSION = 1
"""The version of the shape. Keys are added, never renamed."""

_ESTARGZ_SIZE = "io.containers.estargz.uncompressed-size"


def facts_of(session: Session, source: str, *, sizes: bool) -> list[Facts]:
    """One object for each image that was asked for; one that could not be read has an `error`."""
    with inspecting(session, source, tolerant=True) as inspected:
        listed = _listed(inspected)
        measured = _measured(session, inspected) if sizes else {}
        referrers = ReferrersFound(session, inspected, listed)
        return [
            {
                **_named(inspected),
                **_manifest(image, measured),
                **({} if image.is_artifact else _config(image.config.json)),
                **_versioned(source),
                **_beyond(image, listed),
                **referrers.of(image),
            }
            if isinstance(image, Image)
            else {**_named(inspected), "error": str(image.error), **_versioned(source), **_unread(image)}
            for image in inspected.wanted
        ]


def troubles_of(images: Sequence[Facts]) -> Iterator[str]:
    """What could not be told, in a sentence each."""
    if broken := sum("error" in facts for facts in images):
        yield f"{broken} of {plural(len(images), 'image')} could not be read"
    layers = {layer["digest"] for facts in images for layer in facts.get("layers", ()) if "error" in layer}
    if layers:
        yield f"{plural(len(layers), 'layer')} could not be read"


def _measured(session: Session, inspected: Inspected) -> Sizes:
    from occystrap_core.engine.layer_sizes import measure_layers
    from occystrap_core.streams.heap import keep_freed_pages

    keep_freed_pages()
    return measure_layers(inspected.source, inspected.images, session.settings, session.progress)


def _listed(inspected: Inspected) -> list[Descriptor]:
    """Everything that the source's index lists, whichever images were asked for."""
    with attributed("source"):
        root = inspected.source.root()
    if [each.descriptor.digest for each in inspected.wanted] == [root.digest]:
        return []
    document = read_manifest_or_index(inspected.source, root)
    return children_of(document, "index") if document.media_type in INDEXES else []


def _named(inspected: Inspected) -> Facts:
    origin = inspected.source.traits.origin
    return {"image": origin[1] if origin else inspected.name.repository, "tag": inspected.name.tag}


def _versioned(source: str) -> Facts:
    return {"version": VERSION, "source": without_credentials(source)}


def _unread(image: Unread) -> Facts:
    platform = image.descriptor.platform
    return {"digest": str(image.descriptor.digest), "platform": str(platform) if platform else None}


def _manifest(image: Image, measured: Sizes) -> Facts:
    manifest = image.manifest.json
    return {
        "schema_version": manifest.get("schemaVersion"),
        "media_type": image.manifest.media_type,
        "config_digest": str(image.config_descriptor.digest),
        "config_size": image.config_descriptor.size,
        "layer_count": len(image.layers),
        "total_compressed_size": sum(layer.descriptor.size for layer in image.layers),
        "layers": [_layer(layer, measured.get(layer.descriptor.digest)) for layer in image.layers],
    }


def _layer(layer: Layer, measured: LayerSize | OccystrapError | None) -> Facts:
    blob = layer.descriptor
    facts: Facts = {
        "index": layer.position,
        "digest": str(blob.digest),
        "size": blob.size,
        "media_type": blob.media_type,
        "compression": str(layer_compression(blob.media_type) or "unknown"),
    }
    if layer.diff_id:
        facts["diff_id"] = str(layer.diff_id)
    if layer.created_by:
        facts["created_by"] = layer.created_by
    if blob.annotations:
        facts["annotations"] = dict(blob.annotations)
    if isinstance(measured, OccystrapError):
        return {**facts, "actual_compression": None, "uncompressed_size": None, "error": str(measured)}
    return {**facts, **_inside(layer, measured)}


def _inside(layer: Layer, measured: LayerSize | None) -> Facts:
    """What is known without reading: a blob that has the digest of its content is not compressed."""
    blob = layer.descriptor
    if measured is not None:
        ratio = round(measured.uncompressed / blob.size, 2) if blob.size else None
        return {
            "actual_compression": str(measured.compression),
            "uncompressed_size": measured.uncompressed,
            "entries": measured.entries,
            "ratio": ratio,
        }
    if layer.is_tar and blob.digest == layer.diff_id:
        return {"actual_compression": str(Compression.NONE), "uncompressed_size": blob.size}
    claimed = str(blob.annotations.get(_ESTARGZ_SIZE, ""))
    known = int(claimed) if claimed.isascii() and claimed.isdigit() and len(claimed) < 19 else None
    return {"actual_compression": None, "uncompressed_size": known}


def _config(config: Mapping[str, Any]) -> Facts:
    history = [step for step in _list(config.get("history")) if isinstance(step, Mapping)]
    run = _object(config.get("config"))
    return {
        "architecture": config.get("architecture", ""),
        "os": config.get("os", ""),
        "variant": config.get("variant", ""),
        "created": config.get("created", ""),
        "diff_ids": _list(_object(config.get("rootfs")).get("diff_ids")),
        "history_count": len(history),
        "empty_layer_count": sum(bool(step.get("empty_layer")) for step in history),
        "labels": _object(run.get("Labels")),
        "env": _list(run.get("Env")),
        "entrypoint": run.get("Entrypoint"),
        "cmd": run.get("Cmd"),
        "working_dir": run.get("WorkingDir") or "",
        "exposed_ports": list(_object(run.get("ExposedPorts"))),
        "volumes": list(_object(run.get("Volumes"))),
        "user": run.get("User") or "",
        "stop_signal": run.get("StopSignal") or "",
        "healthcheck": run.get("Healthcheck"),
    }


def _beyond(image: Image, listed: Sequence[Descriptor]) -> Facts:
    """The image among others: what an index or a registry knows of it."""
    return {
        "digest": str(image.descriptor.digest),
        "artifact_type": image.manifest.json.get("artifactType") if image.is_artifact else None,
        "annotations": _object(image.manifest.json.get("annotations")),
        "platform": str(image.platform) if image.platform else None,
        "platforms": [child_facts(child) for child in listed if child.platform and not child.platform.is_unknown],
    }


def _object(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []
