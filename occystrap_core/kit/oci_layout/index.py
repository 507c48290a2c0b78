"""index.json: the images of a layout and what they are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from occystrap_core.contracts.input import Listed
from occystrap_core.kit.oci_layout.names import CONTAINERD_NAME, INDEX_FILE, REF_NAME
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import InvalidImage, NotFound, UsageError
from occystrap_core.model.media_types import INDEXES, OCI_INDEX
from occystrap_core.model.value import value

_LISTED = 20
_REFERRERS_TAG = re.compile(r"sha(?:256|512)-[0-9a-f]{64}")


@value
class LayoutIndex:
    """`what` names the layout in errors."""

    what: str
    document: Document
    entries: tuple[Descriptor, ...]

    @classmethod
    def parse(cls, raw: bytes, what: str) -> LayoutIndex:
        document = Document(raw, OCI_INDEX)
        media_type = document.json.get("mediaType", OCI_INDEX)
        if media_type not in INDEXES:
            raise InvalidImage(f"{what}: index.json calls itself {media_type!r}, which is no index")
        listed = document.json.get("manifests")
        if not isinstance(listed, list):
            raise InvalidImage(f"{what}: index.json has no list of manifests")
        entries = tuple(Descriptor.from_json(entry, f"{what}: index.json entry {n}") for n, entry in enumerate(listed))
        return cls(what, Document(raw, media_type), entries)

    def named(self, name: str) -> Descriptor:
        """The entry that was given this name by the annotation of the specification, or by containerd's."""
        for annotation in (REF_NAME, CONTAINERD_NAME):
            found = [entry for entry in self.entries if entry.annotations.get(annotation) == name]
            if len({entry.digest for entry in found}) > 1:
                digests = ", ".join(str(entry.digest) for entry in found)
                raise InvalidImage(f"{self.what} gives the name {name!r} to several images", hint=f"choose: @{digests}")
            if found:
                return found[0]
        raise NotFound(f"{self.what} has no image named {name!r}", hint=self._choices())

    def by_digest(self, digest: Digest) -> Descriptor | None:
        return next((entry for entry in self.entries if entry.digest == digest), None)

    def listed(self, root: Descriptor) -> Listed | None:
        """What it says of one of its images; None for what it does not list."""
        for entry, written in zip(self.entries, self.document.json["manifests"], strict=True):
            if entry is root:
                return Listed(INDEX_FILE, self.document.raw, written)
        return None

    def only_image(self) -> Descriptor:
        """The one image there is, which may be index.json itself. What refers to it stands beside it."""
        if not self.entries:
            raise NotFound(f"{self.what} is empty: its index.json lists no image")
        images = [entry for entry in self.entries if not _refers(entry)] or self.entries
        if len({entry.digest for entry in images}) == 1:
            return images[0]
        if self.is_one_index:
            return self.document.descriptor()
        raise UsageError(f"{self.what} holds several images and none was chosen", hint=self._choices())

    @property
    def is_one_index(self) -> bool:
        """Whether index.json is itself the index of one image: a platform for each entry and no names."""
        platforms = [entry.platform for entry in self.entries]
        known = [platform for platform in platforms if platform and not platform.is_unknown]
        named = any(entry.annotations.get(key) for entry in self.entries for key in (REF_NAME, CONTAINERD_NAME))
        return bool(self.entries) and all(platforms) and len(set(known)) == len(known) and not named

    def _choices(self) -> str:
        names = [str(entry.annotations.get(REF_NAME) or f"@{entry.digest}") for entry in self.entries]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        return f"it has {', '.join(names[:_LISTED])}{more}; write :NAME, @DIGEST or ?ref=" if names else "it is empty"


def _refers(entry: Descriptor) -> bool:
    """A list of referrers under its tag, or an artifact without a name."""
    if name := entry.annotations.get(REF_NAME):
        return _REFERRERS_TAG.fullmatch(str(name)) is not None
    return entry.media_type not in INDEXES and bool(entry.extra.get("artifactType"))


def with_image(raw: bytes | None, image: Descriptor, name: str) -> bytes:
    """index.json with `image` under `name`, in the place of what had that name; all else stays as it is."""
    index: Mapping[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    if raw is not None:
        index = strict_json.loads_object(raw, "index.json")
    entries, place = [], None
    for entry in _listed(index):
        if _name_of(entry) != name:
            entries.append(entry)
        elif place is None:
            place = len(entries)
    entries.insert(len(entries) if place is None else place, _entry(image, name))
    return strict_json.dumps({**index, "manifests": entries})


def _listed(index: Mapping[str, Any]) -> list[Any]:
    listed = index.get("manifests")
    if not isinstance(listed, list):
        raise InvalidImage("index.json has no list of manifests")
    return listed


def _name_of(entry: object) -> object:
    annotations = entry.get("annotations") if isinstance(entry, Mapping) else None
    return annotations.get(REF_NAME) if isinstance(annotations, Mapping) else None


def _entry(image: Descriptor, name: str) -> dict[str, Any]:
    """The names that the image had at its source stay there."""
    kept = {key: value for key, value in image.annotations.items() if key not in (REF_NAME, CONTAINERD_NAME)}
    return {**image.to_json(), "annotations": {**kept, REF_NAME: name}}
