"""The check contract: rules that judge an image in the one pass that reads it.

A rule is one module with one entry point in `occystrap.checks`, named by its id. It says what
it needs; the engine reads each layer once for all rules, and not at all when nobody needs it.
A rule says what it found as remarks; the engine adds the id, the severity and the remedy.
Broken images are the point: documents come as they were found, layers with what went wrong.

    class OddSizes(Examination):
        def layer(self, layer: LayerUnderCheck) -> LayerExamination | None:
            return OddFiles()

    class OddFiles(LayerExamination):
        def entry(self, entry: Entry) -> Iterable[Remark]:
            return (Remark(f"{shown(entry.path)} is odd"),) if entry.size % 2 else ()
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any, Protocol

from occystrap_core.contracts.entry import Entry
from occystrap_core.contracts.finding import Severity, Where
from occystrap_core.contracts.needs import Entries as Entries
from occystrap_core.contracts.needs import Needs as Needs
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OccystrapError
from occystrap_core.model.media_types import Compression
from occystrap_core.model.platform import Platform
from occystrap_core.model.value import value


class Stage(StrEnum):
    """Where the reading of a layer ended early: before its bytes, inflating them, or in the archive."""

    BLOB = "blob"
    COMPRESSION = "compression"
    ARCHIVE = "archive"


class Role(StrEnum):
    """`LAYOUT` is the list that the images of a layout stand in: an index in form, but not of one image."""

    LAYOUT = "layout index"
    INDEX = "index"
    MANIFEST = "manifest"
    CONFIG = "config"


@value
class Remark:
    """What a rule has to say. `where` is completed with the place the engine is at; `severity`
    overrides the rule's own for this remark. A remark about many files names some in its message,
    and has all of them in `places`."""

    message: str
    where: Where = Where()
    severity: Severity | None = None
    places: tuple[Where, ...] = ()


@value
class FoundDocument:
    """A document as it was found, however broken.

    `reference` is the descriptor as its parent writes it, unparsed (empty for a root that has
    no parent). `raw` is None where it could not be had; `trouble` is why a strict reader
    refuses it (missing, wrong digest or size, ambiguous JSON, a lying media type). `json` is a
    lenient reading: what most parsers would see, None where there is no JSON object at all.
    `declared` is the media type that it goes by: that of its descriptor or, of a registry's root,
    the one that the server sends with it; empty where nobody says one.
    """

    role: Role
    where: Where
    reference: Mapping[str, Any]
    raw: bytes | None
    trouble: OccystrapError | None
    json: Mapping[str, Any] | None
    declared: str = ""


@value
class LayerUnderCheck:
    """A layer as far as the documents tell: None for what they leave out or get wrong.

    `reference` is its descriptor as the manifest writes it.
    """

    position: int
    reference: Mapping[str, Any]
    descriptor: Descriptor | None
    diff_id: Digest | None
    created_by: str
    is_tar: bool


@value
class ImageUnderCheck:
    """One manifest. `parent` is the index it was listed in, if any. `left_out` is how many layers
    it lists beyond those that are read."""

    where: Where
    manifest: FoundDocument
    config: FoundDocument | None
    layers: tuple[LayerUnderCheck, ...]
    platform: Platform | None
    is_artifact: bool
    attests: str
    parent: FoundDocument | None = None
    left_out: int = 0


@value
class LayerFacts:
    """What reading a layer's blob told. `damage` is what ended the reading early, if anything did;
    everything else then speaks of the part before. `digest` and `size` are those of the bytes as
    stored, `diff_id` and `unpacked` of the bytes inflated (None where they could not be).
    `chunked_toc` is what the annotations of a zstd:chunked layer call its table of contents.
    """

    layer: LayerUnderCheck
    digest: Digest | None = None
    size: int = 0
    compression: Compression | None = None
    magic: bytes = b""
    members: int = 0
    skippable_first: bool = False
    window: int = 0
    diff_id: Digest | None = None
    unpacked: int = 0
    entries: int = 0
    has_end: bool = True
    trailing_bytes: int = 0
    damage: OccystrapError | None = None
    stage: Stage | None = None
    trailing_junk: bool = False
    chunked_toc: Digest | None = None
    listing: Listing | None = field(default=None, compare=False, repr=False)

    @property
    def is_authentic(self) -> bool:
        """Whether the blob is the one that its descriptor names. If not, only the rules about blobs speak."""
        descriptor = self.layer.descriptor
        return descriptor is not None and (self.digest, self.size) == (descriptor.digest, descriptor.size)


@value
class Seen:
    """One path as one layer has it. `path` has no leading or trailing slash."""

    path: bytes
    layer: int
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    linkname: bytes


class Listing(Protocol):
    """The entries of one layer by number, in the order of the archive, without whiteouts."""

    @property
    def whiteouts(self) -> Sequence[bytes]:
        """The paths that the layer deletes."""
        ...

    @property
    def opaque(self) -> Sequence[tuple[bytes, int]]:
        """The directories that the layer empties, each with how many entries came before that was said."""
        ...

    def __len__(self) -> int: ...

    def path(self, number: int) -> bytes: ...

    def seen(self, number: int) -> Seen: ...

    def of_kinds(self, kinds: bytes) -> Iterator[int]:
        """The entries of any of these kinds: b"12" are links."""
        ...

    def owned(self, wanted: Callable[[int, int, int], bool]) -> Iterator[int]:
        """The entries whose mode, uid and gid are wanted; asked once for all that have the same."""
        ...

    def matching(self, pattern: re.Pattern[bytes]) -> Iterator[int]:
        """The entries in whose path the pattern is found, fast: all paths are searched at once,
        a NUL byte before and after each, which the pattern must not go across."""
        ...

    def folders(self) -> Iterator[tuple[int, bytes]]:
        """The directory parts of all paths, each with the first entry of a row of entries that have it."""
        ...

    def repeated(self) -> Iterator[int]:
        """The entries whose path an earlier one has."""
        ...


class View(Protocol):
    """The layers laid over each other: what a container sees, and who it comes from.

    A rule is shown a view only where every layer could be read."""

    @property
    def facts(self) -> tuple[LayerFacts, ...]: ...

    def listing(self, layer: int) -> Listing:
        """The entries where they are in the merged file system: what is written below a symlink of a lower
        layer is where that leads. `facts` have the listing as the archive is written."""
        ...

    def moved(self, layer: int) -> Iterator[tuple[bytes, bytes]]:
        """The entries that are elsewhere than they are written: the path in the archive, and the path there."""
        ...

    def number(self, layer: int, path: bytes) -> int | None:
        """The last entry that this very layer has at exactly `path`."""
        ...

    def is_final(self, layer: int, number: int) -> bool:
        """Whether an entry is still there in the end."""
        ...

    def hidden(self) -> Iterator[tuple[int, int, int]]:
        """Every entry that is not: its layer, its number, and the first layer that took it away
        or wrote it anew."""
        ...

    def find(self, path: bytes) -> Seen | None:
        """What is at `path` in the end, symlinks among its parents followed, itself not. A directory
        that has no entry of its own but something in it counts."""
        ...

    def follow(self, path: bytes) -> Seen | None:
        """As find, with a symlink at the end followed, too; None for one that leads nowhere."""
        ...

    def below(self, layer: int, path: bytes) -> Seen | None:
        """What the layers before `layer` left at exactly `path`; with the number of layers as `layer`,
        what is there in the end."""
        ...

    def earlier(self, layer: int, path: bytes) -> Iterator[tuple[int, int]]:
        """Every layer before `layer` that has an entry at exactly `path`, the last first, with the number
        of its last one; also where something took it away."""
        ...

    def final(self) -> Iterator[Seen]:
        """Everything that is there in the end, in no particular order."""
        ...

    def hidden_bytes(self) -> tuple[int, ...]:
        """For each layer, how many bytes of lower layers' files it deletes or writes anew."""
        ...

    def content(self, path: bytes) -> bytes | None:
        """The content of a small file that a rule asked for with `CheckSpec.content`, as it is in the end."""
        ...


class LayerExamination:
    """One rule's work on one layer, by one thread. Override what the rule needs."""

    def entry(self, entry: Entry) -> Iterable[Remark]:
        """Every entry of the kinds that the rule's spec names, in the order of the archive."""
        return ()

    def head(self, entry: Entry, data: bytes) -> Iterable[Remark]:
        """The first bytes of a regular file, for rules whose spec asks for `head`."""
        return ()

    def trailing(self, data: bytes) -> Iterable[Remark]:
        """What follows the end of the archive from its first byte that is not zero, 4 MiB at most;
        not called where nothing does."""
        return ()

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        """The layer is read, to its end or to where it is damaged."""
        return ()


class Examination:
    """One rule's work on everything that is checked in one run. Override what the rule needs."""

    def __init__(self, context: CheckContext) -> None:
        self.context = context

    def document(self, document: FoundDocument) -> Iterable[Remark]:
        """Each document once: indexes, manifests, configs, from the root down."""
        return ()

    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        """Each image once, its documents read."""
        return ()

    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination | None:
        """The work on a layer; called from several threads, and for what is no tar layer only where the
        rule's spec needs LAYERS. `process --check` asks before the layer is written and before any other
        method: `image` is then the one at the source, and the layer has no descriptor yet. The facts
        that `finish` is given name the layer as it is."""
        return None

    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        """Each image once more, all its layers read. Not called where one of them could not be: what
        a container would see is unknown then."""
        return ()


class Check(Protocol):
    """What a spec's implementation is: called once for each run."""

    def __call__(self, context: CheckContext) -> Examination: ...


@value
class CheckContext:
    """`targets` are the engines an image must work on, with the oldest version of each:
    ("docker", (20, 10)) …; empty where the user named none. `now` is the time of the run, in
    seconds since 1970. `has_blob` asks the source whether it has a blob, without reading it:
    None where the source cannot tell; it never raises. `blob_size` asks how long a blob is, in the
    same way; it is there only where layers are not going to be read. A rule that is about to ask
    about several blobs may say which to `expect_blobs`: a source that is far away is then asked
    about some of them at once."""

    targets: tuple[tuple[str, tuple[int, ...]], ...] = ()
    now: float = 0.0
    has_blob: HasBlob | None = None
    blob_size: BlobSize | None = None
    expect_blobs: ExpectBlobs | None = None


class HasBlob(Protocol):
    def __call__(self, descriptor: Descriptor) -> bool | None: ...


class BlobSize(Protocol):
    def __call__(self, descriptor: Descriptor) -> int | None: ...


class ExpectBlobs(Protocol):
    def __call__(self, descriptors: Sequence[Descriptor]) -> None: ...
