"""Who refers to an image in a layout: manifests that index.json lists and whose `subject` it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from occystrap_core.contracts.referrers import Referrers
from occystrap_core.kit.oci_layout.names import REF_NAME
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import DigestMismatch, InvalidImage, LimitExceeded, OccystrapError
from occystrap_core.model.media_types import INDEXES
from occystrap_core.model.reference import referrers_tag

MOST_MANIFESTS = 1000

Read = Callable[[Descriptor], bytes]


def referrers_among(entries: Iterable[Descriptor], read: Read, digest: Digest) -> Referrers:
    """Every manifest is read and checked: in a layout nobody else vouches for what refers to what."""
    found: dict[Digest, Descriptor] = {}
    unreadable = 0
    for number, entry in enumerate(_candidates(entries, read, digest)):
        if number == MOST_MANIFESTS:
            raise LimitExceeded(f"the layout lists more than {MOST_MANIFESTS} manifests, too many to look through")
        try:
            manifest = _manifest(entry, read)
        except OccystrapError:
            unreadable += 1
            continue
        if _subject(manifest) == str(digest):
            found[entry.digest] = _described(entry, manifest)
    trouble = f"{unreadable} manifest{'s' if unreadable > 1 else ''} could not be read" if unreadable else ""
    return Referrers(tuple(found.values()), trouble)


def _candidates(entries: Iterable[Descriptor], read: Read, digest: Digest) -> Iterator[Descriptor]:
    tag = referrers_tag(digest)
    for entry in entries:
        if entry.digest == digest:
            continue
        if entry.media_type not in INDEXES:
            yield entry
        elif entry.annotations.get(REF_NAME) == tag:
            yield from _listed(_manifest(entry, read))


def _listed(index: Mapping[str, Any]) -> list[Descriptor]:
    entries = index.get("manifests")
    if not isinstance(entries, list):
        raise InvalidImage("the list of referrers is no index")
    return [Descriptor.from_json(entry, f"referrer {number}") for number, entry in enumerate(entries)]


def _manifest(entry: Descriptor, read: Read) -> Mapping[str, Any]:
    if entry.size > strict_json.MAX_BYTES:
        raise LimitExceeded(f"a manifest of {entry.size} bytes")
    raw = read(entry)
    if len(raw) != entry.size or not entry.digest.matches(raw):
        raise DigestMismatch(f"{entry.digest} has other bytes")
    return strict_json.loads_object(raw, "manifest")


def _subject(manifest: Mapping[str, Any]) -> object:
    subject = manifest.get("subject")
    return subject.get("digest") if isinstance(subject, Mapping) else None


def _described(entry: Descriptor, manifest: Mapping[str, Any]) -> Descriptor:
    """As a registry would list it: with the type and the annotations of the manifest itself."""
    config = manifest.get("config")
    of_config = config.get("mediaType") if isinstance(config, Mapping) else None
    kind, annotations = manifest.get("artifactType") or of_config, manifest.get("annotations")
    told = {"artifactType": kind} if isinstance(kind, str) else {}
    return replace(entry, extra={**entry.extra, **told, "annotations": annotations or {}})
