"""The output contract: where an image is written to.

The engine calls, for every blob, `holds` and then either nothing or `put_blob` followed by
`keep` or `discard`; after all blobs `put_document` from the leaves to the root, then `commit`.
`abort` may come at any time before `commit` and leaves the destination as it was.
Nothing is visible under its final name before `commit`, and opening an output writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Protocol, runtime_checkable

from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.settings import Settings
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.image import ImageName
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.value import value


@value
class OutputTraits:
    """`compressions`: what layers may be stored as; the first is what uncompressed ones become.
    `convert`: recompress every layer that is not already so (the user asked for it).
    `family`: the media types documents must be written in; None keeps the source's.
    `holds_indexes`: whether more than one image fits. `holds_artifacts`: whether blobs that
    are not tar layers fit. `file`: the one file that commit() replaces. `changed`: what a layer
    that a filter changed is stored as, where that is not what it was stored as before.
    `any_order`: whether each blob finds its place as it comes, named by its digest; where they
    stand in manifest order, one that comes before its turn has to be put aside.
    """

    compressions: tuple[Compression, ...]
    convert: Compression | None = None
    family: Family | None = None
    holds_indexes: bool = True
    holds_artifacts: bool = True
    file: Path | None = None
    changed: Compression | None = None
    any_order: bool = False


@value
class OutputContext:
    """What an output is told when it is opened: the global options, what the image is called
    at its source, and, where that is a registry, its (host, repository)."""

    settings: Settings
    source_name: ImageName
    source_origin: tuple[str, str] | None = None


@value
class Slot:
    """The place of a blob in the whole transfer.

    `order` counts 0, 1, 2 … over all blobs in manifest order, with a gap for each that
    `holds` made unnecessary: an archive, which never does, writes in this order, whatever
    order the blobs arrive in. `expected` is the descriptor that the blob will have, where
    that is known: the engine has it checked, nobody needs to hash it again.

    A destination that takes blobs in `any_order` is also given such as come before the documents
    that name them: their `order` is -1, `keep` is told no layer, and `discard` may come after
    `keep`, for a blob that no document named.
    """

    order: int
    expected: Descriptor | None = None


class Staged(Protocol):
    """A blob that is at the destination without a name yet; each output has its own kind."""


@runtime_checkable
class Closable(Protocol):
    """Something that keeps files open."""

    def close(self) -> None: ...


@value
class Receipt:
    """What commit() made: enough to find it again and to verify it.

    `uri` opens it as a source (with the same scheme's input plugin). `details` is the
    plugin's own, handed to its verifiers and shown in the JSON result: plain JSON values.
    `settings` are what it must be opened with where those of the run do not do: a login of
    the destination's own, which no URI and no JSON may show. `evidence` is for the plugin's own
    verifiers, of a destination that no source reads: nobody else reads it back then. What can be
    closed of it is, when the verifiers are done.
    """

    scheme: str
    uri: str
    name: ImageName
    root: Descriptor
    details: Mapping[str, object] = field(default_factory=dict)
    settings: Settings | None = field(default=None, repr=False, compare=False)
    evidence: object = field(default=None, repr=False, compare=False)


class Output(Protocol):
    """An opened destination. put_blob, keep, discard and holds are called from several threads.

    As an input, it may have one more method, `notes() -> tuple[str, ...]`, asked after commit().
    Another is `announce(image: Image) -> None`, called before the first blob of a single image
    that no filter is going to change: `holds` may then answer by the layer's place in it.
    """

    @property
    def traits(self) -> OutputTraits: ...

    def cannot_modify_reason(self) -> str:
        """Empty, or a sentence that says why the image must arrive exactly as it is at the source."""
        ...

    def holds(self, digest: Digest) -> int | None:
        """The size of a blob that the destination has and has checked, or None; what was kept
        a moment ago counts.

        An archive answers None always, so that its bytes do not depend on arrival order.
        """
        ...

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> Staged:
        """Take all the bytes of one blob. What raises here, or while reading `chunks`, leaves nothing behind."""
        ...

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        """Give a staged blob its name, now that it is known; `layer` is set for tar layers."""
        ...

    def discard(self, staged: Staged) -> None:
        """The blob turned out not to be needed. What cannot be taken back any more may stay, without a name."""
        ...

    def put_document(self, document: Document) -> None:
        """A config, manifest or index, children before parents. The root comes last."""
        ...

    def commit(self, root: Descriptor) -> Receipt:
        """Make the image visible, with everything fsynced where that applies."""
        ...

    def abort(self) -> None:
        """Forget everything since the output was opened. Never raises for what is already gone."""
        ...
