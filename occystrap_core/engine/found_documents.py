"""Reading the documents of an image that may be broken: everything is kept, nothing raises."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from occystrap_core.contracts.check import FoundDocument, ImageUnderCheck, LayerUnderCheck, Role
from occystrap_core.contracts.finding import Where
from occystrap_core.contracts.input import Listed
from occystrap_core.engine.documents import MAX_DEPTH, MAX_NODES, agreed_media_type, children_of
from occystrap_core.engine.selection import Selection, best_answers, no_match
from occystrap_core.model import media_types, strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import (
    AccessDenied,
    ContentError,
    DigestMismatch,
    InvalidDigest,
    InvalidImage,
    InvalidJson,
    LimitExceeded,
    NotFound,
    OccystrapError,
    TransferError,
    attributed,
)
from occystrap_core.model.image import ATTESTED_DIGEST, TITLE
from occystrap_core.model.platform import Platform
from occystrap_core.model.value import value

MAX_LAYERS = 1024
OUTSIDE = (TransferError, AccessDenied)
"""What keeps something from being looked at and says nothing about it."""

_MOST_UNREACHABLE = 10
"""Documents that are asked for in vain, each as often as the settings say, before no more is asked for."""


_OF_MANIFESTS = frozenset({"config", "layers", "fsLayers"})
"""Fields that an index does not have."""


@value
class FoundImages:
    """Every document from the root down, and the images that are to be checked. `lacking` is what was
    asked for and is not there: a platform."""

    documents: tuple[FoundDocument, ...]
    images: tuple[ImageUnderCheck, ...]
    lacking: tuple[NotFound, ...] = ()


class HasDocuments(Protocol):
    """What of an Input is needed here."""

    def root(self) -> Descriptor: ...

    def document(self, descriptor: Descriptor) -> bytes: ...


def find_documents(source: HasDocuments, selection: Selection) -> FoundImages:
    """Raises only where there is no document to speak of: nothing at the source, or out of reach."""
    finder = _Finder(source, selection)
    try:
        root = source.root()
    except (ContentError, LimitExceeded) as error:
        finder.documents.append(FoundDocument(Role.MANIFEST, Where(), {}, None, error, None))
    else:
        finder.manifest_or_index(root, finder.listed(), (), None)
        _require_reached(finder.documents)
        _require_named_platform(finder.images, selection)
    return FoundImages(tuple(finder.documents), tuple(finder.images), tuple(finder.lacking))


def _require_reached(documents: Sequence[FoundDocument]) -> None:
    """Where the root itself is out of reach, there is nothing to report."""
    root = next(document for document in documents if document.role is not Role.LAYOUT)
    if isinstance(root.trouble, OUTSIDE):
        raise root.trouble


def _require_named_platform(images: list[ImageUnderCheck], selection: Selection) -> None:
    """Of a single image; an index was searched for it."""
    for image in images:
        single = image.parent is None and not image.is_artifact
        if single and selection.explicit and image.platform and not selection.answered_by(image.platform):
            raise no_match(selection, [image.platform])


@dataclass(slots=True)
class _Finder:
    """One search, from the root down."""

    source: HasDocuments
    selection: Selection
    documents: list[FoundDocument] = field(default_factory=list)
    images: list[ImageUnderCheck] = field(default_factory=list)
    lacking: list[NotFound] = field(default_factory=list)
    unreachable: list[OccystrapError] = field(default_factory=list)

    def listed(self) -> Mapping[str, Any]:
        """What the list that the root stands in says of it; the list is a document, too."""
        ask: Callable[[], Listed | None] | None = getattr(self.source, "listed_in", None)
        found = ask() if ask else None
        if found is None:
            return {}
        trouble = _why_refused(found.raw, found.name)
        where = Where(index=found.name)
        self.documents.append(FoundDocument(Role.LAYOUT, where, {}, found.raw, trouble, _lenient(found.raw)))
        return found.entry

    def manifest_or_index(
        self,
        descriptor: Descriptor,
        reference: Mapping[str, Any],
        above: tuple[Digest, ...],
        parent: FoundDocument | None,
    ) -> None:
        where = Where(index=str(above[-1]) if above else "", manifest=str(descriptor.digest))
        found = self._document(descriptor, reference, Role.MANIFEST, where)
        if found.json is not None and "manifests" in found.json:
            found = _as_index(found, descriptor)
            self.documents.append(found)
            self._children(found, (*above, descriptor.digest))
            return
        self.documents.append(found)
        if found.json is not None:
            self.images.append(self._image(found, descriptor, parent))

    def _children(self, index: FoundDocument, above: tuple[Digest, ...]) -> None:
        entries = index.json.get("manifests") if index.json else None
        listed = [entry if isinstance(entry, Mapping) else {} for entry in entries] if isinstance(entries, list) else []
        known: list[tuple[Descriptor, Mapping[str, Any]]] = []
        seen: set[tuple[object, ...]] = set()
        for number, entry in enumerate(listed):
            try:
                descriptor = Descriptor.from_json(entry, f"entry {number}")
            except ContentError as error:
                where = Where(index=str(above[-1]), manifest=str(entry.get("digest", ""))[:80])
                self.documents.append(FoundDocument(Role.MANIFEST, where, entry, None, error, None))
                continue
            if (key := _identity(descriptor)) not in seen:  # what is listed twice is found once
                seen.add(key)
                known.append((descriptor, entry))
        is_sound = isinstance(entries, list) and _OF_MANIFESTS.isdisjoint(index.json or {})
        for descriptor, entry in self._wanted(known, is_sound=is_sound):
            if len(self.documents) > MAX_NODES:
                self._refuse(entry, above, LimitExceeded(f"the index leads to more than {MAX_NODES} documents"))
                return
            if self._may_descend(descriptor, entry, above):
                self.manifest_or_index(descriptor, entry, above, index)

    def _wanted(
        self, children: list[tuple[Descriptor, Mapping[str, Any]]], *, is_sound: bool
    ) -> list[tuple[Descriptor, Mapping[str, Any]]]:
        """Of an index that is not sound, rules say more than that it lacks a platform."""
        if self.selection.everything:
            return children
        named = [(child, child.platform) for child, _ in children if child.platform and child.platform.os]
        unnamed = [child for child, _ in children if not (child.platform and child.platform.os)]
        chosen: list[Descriptor] = list(unnamed)
        for platform in self.selection.platforms:
            answers = best_answers(platform, named)
            if is_sound and not answers and not unnamed:
                self.lacking.append(no_match(platform, [each for _, each in named if not each.is_unknown]))
            chosen += answers[:1]
        return [(child, entry) for child, entry in children if any(child is each for each in chosen)]

    def _may_descend(self, descriptor: Descriptor, entry: Mapping[str, Any], above: tuple[Digest, ...]) -> bool:
        if descriptor.digest in above:
            self._refuse(entry, above, InvalidImage(f"index {descriptor.digest.short} contains itself"))
        elif len(above) > MAX_DEPTH:
            self._refuse(entry, above, LimitExceeded(f"indexes are nested deeper than {MAX_DEPTH} levels"))
        else:
            return True
        return False

    def _refuse(self, entry: Mapping[str, Any], above: tuple[Digest, ...], trouble: OccystrapError) -> None:
        where = Where(index=str(above[-1]), manifest=str(entry.get("digest", ""))[:80])
        self.documents.append(FoundDocument(Role.INDEX, where, entry, None, trouble, None))

    def _image(self, manifest: FoundDocument, descriptor: Descriptor, parent: FoundDocument | None) -> ImageUnderCheck:
        assert manifest.json is not None
        config = self._config(manifest)
        if config is not None:
            self.documents.append(config)
        layers = _layers(manifest.json, config)
        config_type = _mapping(manifest.json.get("config")).get("mediaType")
        has_tars = any(layer.is_tar for layer in layers)
        return ImageUnderCheck(
            where=manifest.where,
            manifest=manifest,
            config=config,
            layers=layers,
            platform=descriptor.platform or _platform(config),
            is_artifact=not has_tars and (str(config_type) not in media_types.CONFIGS or _lacks_rootfs(config)),
            attests=str(descriptor.annotations.get(ATTESTED_DIGEST, "")),
            parent=parent,
            left_out=_left_out(manifest.json),
        )

    def _config(self, manifest: FoundDocument) -> FoundDocument | None:
        assert manifest.json is not None
        reference = manifest.json.get("config")
        if not isinstance(reference, Mapping):
            return None
        try:
            descriptor = Descriptor.from_json(reference, "config")
        except ContentError as error:
            return FoundDocument(Role.CONFIG, manifest.where, reference, None, error, None)
        title = str(descriptor.annotations.get(TITLE, ""))
        where = replace(manifest.where, entry=title) if title else manifest.where
        return self._document(descriptor, reference, Role.CONFIG, where)

    def _document(
        self, descriptor: Descriptor, reference: Mapping[str, Any], role: Role, where: Where
    ) -> FoundDocument:
        declared = descriptor.media_type
        try:
            raw = self._read(descriptor)
        except (ContentError, NotFound, LimitExceeded, *OUTSIDE) as error:
            return FoundDocument(role, where, reference, None, error, None, declared)
        return FoundDocument(role, where, reference, raw, _trouble(raw, descriptor, role), _lenient(raw), declared)

    def _read(self, descriptor: Descriptor) -> bytes:
        """A source that failed for many documents is not asked for the others."""
        if len(self.unreachable) >= _MOST_UNREACHABLE:
            raise self.unreachable[-1]
        try:
            with attributed(""):  # a broken disk is no broken image
                return self.source.document(descriptor)
        except OUTSIDE as error:
            self.unreachable.append(error)
            raise


def _identity(entry: Descriptor) -> tuple[object, ...]:
    attests = entry.annotations.get(ATTESTED_DIGEST)
    return entry.digest, entry.media_type, entry.size, str(entry.platform), str(attests)


def _trouble(raw: bytes, descriptor: Descriptor, role: Role) -> OccystrapError | None:
    """Why a strict reader refuses these bytes."""
    if len(raw) != descriptor.size:
        return DigestMismatch(f"it is {len(raw)} bytes, its descriptor says {descriptor.size}")
    if not descriptor.digest.matches(raw):
        return DigestMismatch("it has other content than its digest says")
    if role is Role.CONFIG and descriptor.media_type not in media_types.CONFIGS:
        return None
    try:
        parsed = strict_json.loads_object(raw, str(role))
        if role is not Role.CONFIG:
            agreed_media_type(descriptor, parsed)
    except ContentError as error:
        return error
    return None


def _why_refused(raw: bytes, what: str) -> OccystrapError | None:
    try:
        strict_json.loads_object(raw, what)
    except ContentError as error:
        return error
    return None


def _lenient(raw: bytes) -> Mapping[str, Any] | None:
    text = raw.decode("utf-8-sig", "replace")
    try:
        strict_json.require_few_containers(text, "")
        found = json.loads(text)
    except (InvalidJson, ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping) else None


def _as_index(found: FoundDocument, descriptor: Descriptor) -> FoundDocument:
    trouble = found.trouble
    if trouble is None and found.raw is not None:
        try:
            children_of(Document(found.raw, descriptor.media_type), "index")
        except ContentError as error:
            trouble = error
    return replace(found, role=Role.INDEX, trouble=trouble)


def _layers(manifest: Mapping[str, Any], config: FoundDocument | None) -> tuple[LayerUnderCheck, ...]:
    listed = manifest.get("layers")
    entries = [_mapping(entry) for entry in listed[:MAX_LAYERS]] if isinstance(listed, list) else []
    settings = _mapping(config.json if config else None)
    diff_ids = _mapping(settings.get("rootfs")).get("diff_ids")
    history = settings.get("history")
    steps = [_mapping(step) for step in history] if isinstance(history, list) else []
    commands = [str(step.get("created_by", "")) for step in steps if not step.get("empty_layer")]
    return tuple(
        _layer(
            position,
            entry,
            diff_ids[position] if isinstance(diff_ids, list) and position < len(diff_ids) else None,
            commands[position] if position < len(commands) else "",
        )
        for position, entry in enumerate(entries)
    )


def _left_out(manifest: Mapping[str, Any]) -> int:
    """How many layers the manifest lists beyond the limit."""
    listed = manifest.get("layers")
    return max(0, len(listed) - MAX_LAYERS) if isinstance(listed, list) else 0


def _layer(position: int, entry: Mapping[str, Any], diff_id: object, command: str) -> LayerUnderCheck:
    try:
        descriptor: Descriptor | None = Descriptor.from_json(entry, f"layer {position}")
    except ContentError:
        descriptor = None
    is_tar = descriptor is not None and media_types.is_layer(descriptor.media_type)
    return LayerUnderCheck(position, entry, descriptor, _digest(diff_id), command, is_tar)


def _digest(text: object) -> Digest | None:
    try:
        return Digest.parse(text)
    except InvalidDigest:
        return None


def _lacks_rootfs(config: FoundDocument | None) -> bool:
    """Some artifacts borrow the media type of an image's config for one that is none."""
    return config is not None and config.json is not None and "rootfs" not in config.json


def _platform(config: FoundDocument | None) -> Platform | None:
    try:
        found = Platform.from_json(config.json) if config and config.json else None
    except ContentError:
        return None
    return found if found and found.os and found.architecture else None


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}
