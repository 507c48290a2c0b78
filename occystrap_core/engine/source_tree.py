"""From a source's root to the tree of images that are wanted, documents only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from occystrap_core.contracts.arrival import KnowsItsPlatform
from occystrap_core.contracts.input import Input
from occystrap_core.engine.documents import MAX_DEPTH as MAX_DEPTH
from occystrap_core.engine.documents import MAX_NODES, children_of, read_image, read_manifest_or_index
from occystrap_core.engine.selection import Selection, best_answers, no_match
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.document import Document
from occystrap_core.model.errors import InvalidImage, LimitExceeded, OccystrapError, attributed
from occystrap_core.model.image import ATTESTED_DIGEST, Image, Index
from occystrap_core.model.media_types import INDEXES
from occystrap_core.model.platform import Platform
from occystrap_core.model.value import value

if TYPE_CHECKING:
    from occystrap_core.contracts.output import Output

MAX_VISITS = 4 * MAX_NODES
"""How often documents may be looked at: a few of them can name each other in more ways than could ever be walked."""

MAX_ENTRIES = 100_000
"""How many entries all indexes may have together, each time that they are looked at."""


def read_tree(source: Input, selection: Selection, *, copying: bool = True) -> tuple[Image | Index, tuple[str, ...]]:
    """The wanted tree, and a sentence for each thing that was left out of it or that the source has to tell.

    Who is not `copying` the tree loses nothing that is left out, and is not told.
    """
    with attributed("source"):
        root = source.root()
    own = source.traits.platform
    reader = _TreeReader(source, Selection((own,), explicit=True) if own else selection, copying)
    tree = reader.read(root)
    return tree, (*told_by(source), *reader.notes)


def require_known_platform(source: Input, selection: Selection) -> None:
    """What reading the tree would say in the end of an image for another platform, where it is known before."""
    if not selection.explicit or not isinstance(source, KnowsItsPlatform):
        return
    with attributed("source"):
        platform = source.platform()
    if platform and not selection.answered_by(platform):
        raise no_match(selection, [platform])


def told_by(part: Input | Output) -> tuple[str, ...]:
    tell = getattr(part, "notes", None)
    return tuple(tell()) if tell else ()


@value
class Unread:
    """A wanted image, or index of images, that could not be read."""

    descriptor: Descriptor
    error: OccystrapError


def read_what_can_be_read(source: Input, selection: Selection) -> tuple[tuple[Image | Unread, ...], tuple[str, ...]]:
    """The wanted images in their order, with those in it that are broken; notes as of read_tree.

    A broken root is an error, and so is one image where it is the only one that was asked for.
    """
    with attributed("source"):
        root = source.root()
    own = source.traits.platform
    reader = _TreeReader(source, Selection((own,), explicit=True) if own else selection, copying=False, tolerant=True)
    tree = reader.read(root)
    found = reader.met if isinstance(tree, Index) else (tree,)
    return tuple(found), (*told_by(source), *reader.notes)


@dataclass(slots=True)
class _TreeReader:
    """One reading of the documents, from the root down."""

    source: Input
    selection: Selection
    copying: bool
    tolerant: bool = False
    met: list[Image | Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _documents: dict[Descriptor, Document] = field(default_factory=dict)
    _visits: int = 0
    _entries: int = 0

    def read(self, root: Descriptor) -> Image | Index:
        document = self._document(root, ())
        if document.media_type not in INDEXES:
            image = read_image(self.source, root, document)
            self._require_its_platform(image)
            return image
        if wanted := self.selection.single:
            return self._one_image(root, document, wanted)
        index = self._index(root, document, ())
        self._require_every_platform(index)
        return index

    def _one_image(self, root: Descriptor, document: Document, wanted: Platform) -> Image:
        candidates = self._candidates(root, document, ())
        answers = best_answers(wanted, candidates)
        if not answers:
            raise no_match(wanted, [platform for _, platform in candidates])
        chosen = answers[0]
        attestations = sum(self._attests_any(child, {str(chosen.digest)}) for child in self._children(root, document))
        if attestations and self.copying:
            self.notes.append(f"dropped {attestations} attestation manifest(s): a single image has no place for them")
        return read_image(self.source, chosen, self._document(chosen, (root,)))

    def _candidates(
        self, parent: Descriptor, index: Document, above: tuple[Descriptor, ...]
    ) -> list[tuple[Descriptor, Platform]]:
        """Every image below an index with its platform, which its config tells where the entry does not."""
        found: list[tuple[Descriptor, Platform]] = []
        lineage = (*above, parent)
        for child in self._children(parent, index):
            if child.platform and child.platform.os and child.media_type not in INDEXES:
                found.append((child, child.platform))
                continue
            try:
                found.extend(self._below(child, lineage))
            except OccystrapError:
                if not self.tolerant:
                    raise
        return [(child, platform) for child, platform in found if not platform.is_unknown]

    def _below(self, child: Descriptor, lineage: tuple[Descriptor, ...]) -> list[tuple[Descriptor, Platform]]:
        document = self._document(child, lineage)
        if document.media_type in INDEXES:
            return self._candidates(child, document, lineage)
        image = read_image(self.source, child, document)
        return [(child, image.platform)] if image.platform and not image.is_artifact else []

    def _index(self, descriptor: Descriptor, document: Document, above: tuple[Descriptor, ...]) -> Index:
        lineage = (*above, descriptor)
        children = self._children(descriptor, document)
        kept = children if self.selection.everything else self._wanted(children, lineage)
        nodes: list[Image | Index] = []
        survivors: list[int] = []
        for position, child in enumerate(children):
            if child not in kept:
                continue
            try:
                node = self._node(child, lineage)
            except OccystrapError as error:
                if not self.tolerant:
                    raise
                self.met.append(Unread(child, error))
                continue
            if isinstance(node, Image):
                self.met.append(node)
            if isinstance(node, Image) or node.children or self.selection.everything:
                nodes.append(node)
                survivors.append(position)
        return Index(descriptor, _pruned(document, survivors), tuple(nodes))

    def _node(self, child: Descriptor, lineage: tuple[Descriptor, ...]) -> Image | Index:
        below = self._document(child, lineage)
        if below.media_type in INDEXES:
            return self._index(child, below, lineage)
        return read_image(self.source, child, below)

    def _wanted(self, children: list[Descriptor], lineage: tuple[Descriptor, ...]) -> list[Descriptor]:
        images = [child for child in children if self._is_wanted(child, lineage)]
        digests = {str(image.digest) for image in images}
        attestations = [child for child in children if self._attests_any(child, digests)]
        orphans = [
            child
            for child in children
            if child.platform and child.platform.is_unknown and child not in attestations + images
        ]
        if orphans and self.copying:
            self.notes.append(f"dropped {len(orphans)} manifest(s) of platform unknown/unknown")
        return images + attestations

    def _is_wanted(self, child: Descriptor, lineage: tuple[Descriptor, ...]) -> bool:
        platform = child.platform
        if platform is None or not platform.os:
            try:
                document = self._document(child, lineage)
                if document.media_type in INDEXES:
                    return True
                platform = read_image(self.source, child, document).platform
            except OccystrapError:
                if not self.tolerant:
                    raise
                return True  # it may be one, and is told with what is wrong with it
        return platform is not None and any(platform.answers(wanted) for wanted in self.selection.platforms)

    def _attests_any(self, child: Descriptor, digests: set[str]) -> bool:
        return str(child.annotations.get(ATTESTED_DIGEST, "")) in digests

    def _children(self, descriptor: Descriptor, document: Document) -> list[Descriptor]:
        with attributed("source"):
            children = children_of(document, f"index {descriptor.digest.short}")
        self._entries += len(children)
        if self._entries > MAX_ENTRIES:
            raise _too_often(f"{MAX_ENTRIES} entries")
        return children

    def _document(self, descriptor: Descriptor, above: tuple[Descriptor, ...]) -> Document:
        if descriptor.digest in {ancestor.digest for ancestor in above}:
            raise InvalidImage(f"index {descriptor.digest.short} contains itself", side="source")
        if len(above) > MAX_DEPTH:
            raise LimitExceeded(f"indexes are nested deeper than {MAX_DEPTH} levels", side="source")
        self._visits += 1
        if self._visits > MAX_VISITS:
            raise _too_often(f"{MAX_VISITS} times")
        if descriptor not in self._documents:
            if len(self._documents) == MAX_NODES:
                raise LimitExceeded(f"the index has more than {MAX_NODES} manifests", side="source")
            self._documents[descriptor] = read_manifest_or_index(self.source, descriptor)
        return self._documents[descriptor]

    def _require_every_platform(self, index: Index) -> None:
        if self.selection.everything:
            return
        present = [image.platform for image in index.images() if image.platform and not image.attests]
        present += [
            each.descriptor.platform for each in self.met if isinstance(each, Unread) and each.descriptor.platform
        ]
        for wanted in self.selection.platforms:
            if not any(platform.answers(wanted) for platform in present):
                raise no_match(wanted, [platform for _, platform in self._all_candidates(index)])

    def _all_candidates(self, index: Index) -> list[tuple[Descriptor, Platform]]:
        return self._candidates(index.descriptor, self._document(index.descriptor, ()), ())

    def _require_its_platform(self, image: Image) -> None:
        platform = image.platform
        if image.is_artifact or platform is None or self.selection.answered_by(platform):
            return
        if self.selection.explicit:
            raise no_match(self.selection, [platform])
        self.notes.append(f"the source is a single image for {platform}, not for {self.selection}")


def _too_often(limit: str) -> LimitExceeded:
    return LimitExceeded(f"the documents of the index name each other more than {limit}", side="source")


def _pruned(document: Document, survivors: list[int]) -> Document:
    entries = document.json["manifests"]
    return document.edited({**document.json, "manifests": [entries[position] for position in survivors]})
