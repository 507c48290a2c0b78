"""The output contract as a suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from occystrap_core.contracts.input import Chunk, Input
from occystrap_core.contracts.output import Output, OutputTraits, Receipt, Slot
from occystrap_core.contracts.settings import DEFAULT_PLATFORM
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import TransferError
from occystrap_core.model.layer import Layer, SealedLayer
from occystrap_core.model.media_types import Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    BuiltImage,
    BuiltIndex,
    BuiltLayer,
    build_artifact,
    build_image,
    build_index,
    file,
    layer_tar,
    symlink,
)
from occystrap_core.testing.conformance.reading import at_once, blobs_named_by, documents_below, fleeting, read_blob
from occystrap_core.testing.contract import ContractViolation, require

OpenOutput = Callable[[], Output]
Reopen = Callable[[Receipt], Input]
Visible = Callable[[], object]

_CHUNK = 1000
_LAYERS = 5


def check_output(
    open_output: OpenOutput, *, reopen: Reopen, visible: Visible, stored: Visible | None = None, exact: bool = True
) -> None:
    """Hold what `open_output` opens, each time on the same destination, to every rule of the output contract.

    `visible` gives what a reader of the destination finds there, in any form that can be
    compared; `stored` gives all that lies there, staged things included, which only abort()
    must bring back to what it was. `reopen` opens what a receipt speaks of. `exact` is false for a destination that
    has no place for manifests: configs and layers must come back then, manifests need not.
    """
    suite = _Suite(open_output, reopen, visible, stored or visible, exact)
    suite.check_opening()
    suite.check_abort()
    suite.check_broken_stream()
    suite.check_commit(suite.image("first"))
    suite.check_commit(suite.image("first"))
    suite.check_any_order(suite.image("any order"))
    suite.check_threads(suite.image("threads"))
    suite.check_discard(suite.image("discard"))
    if open_traits(open_output).any_order:
        suite.check_early(suite.image("early"))
    if open_traits(open_output).holds_indexes:
        suite.check_commit(suite.index("index"))
    if open_traits(open_output).holds_artifacts:
        suite.check_commit(build_artifact({"application/vnd.example.note": b"a note", "text/plain": b"text"}))


def open_traits(open_output: OpenOutput) -> OutputTraits:
    output = open_output()
    traits = output.traits
    output.abort()
    return traits


@dataclass(frozen=True, slots=True)
class _Suite:
    open: OpenOutput
    reopen: Reopen
    visible: Visible
    stored: Visible
    exact: bool

    def check_opening(self) -> None:
        before = self.stored()
        output = self.open()
        require(output.traits.compressions, "an output names at least one compression")
        require(output.traits == output.traits, "traits do not change")
        require(isinstance(output.cannot_modify_reason(), str), "cannot_modify_reason() is a text")
        require(output.holds(Digest.of(b"never seen")) is None, "holds() answers None for what is not there")
        require(self.stored() == before, "opening an output writes nothing")
        output.abort()
        require(self.stored() == before, "abort() leaves the destination as it was")

    def check_abort(self) -> None:
        before, all_before = self.visible(), self.stored()
        output, image = self.open(), self.image("abort")
        _put_layers(output, image)
        output.put_document(image.config)
        output.put_document(image.manifest)
        require(self.visible() == before, "nothing is visible before commit()")
        output.abort()
        output.abort()
        require(self.stored() == all_before, "abort() leaves the destination as it was")

    def check_broken_stream(self) -> None:
        before, broken = self.stored(), TransferError("the source went away")

        def chunks() -> Iterator[Chunk]:
            yield b"the beginning"
            raise broken

        output = self.open()
        try:
            output.put_blob(chunks(), Slot(0))
        except TransferError as error:
            require(error is broken, "put_blob() lets an error of its chunks through as it is")
        else:
            raise ContractViolation("put_blob() lets an error of its chunks through as it is")
        output.abort()
        require(self.stored() == before, "a blob whose chunks broke leaves nothing behind")

    def check_commit(self, tree: BuiltImage | BuiltIndex) -> None:
        output = self.open()
        order = 0
        for image in tree.images:
            order = _put_layers(output, image, order)
        self._finish(output, tree)

    def check_any_order(self, image: BuiltImage) -> None:
        """Later slots come first, one after the other: an output must not wait for the earlier ones."""
        output = self.open()
        for order in reversed(range(len(image.layers))):
            _put(output, image, order, order)
        self._finish(output, image)

    def check_threads(self, image: BuiltImage) -> None:
        output = self.open()
        at_once([_job(output, image, order) for order in range(len(image.layers))])
        self._finish(output, image)

    def check_discard(self, image: BuiltImage) -> None:
        output = self.open()
        output.discard(output.put_blob(fleeting(b"not needed after all", 7), Slot(0)))
        _put_layers(output, image, 1)
        self._finish(output, image)

    def check_early(self, image: BuiltImage) -> None:
        """Blobs that come before anything is known of their image, and one that belongs to none."""
        output = self.open()
        staged = output.put_blob(fleeting(b"of no image", 7), Slot(-1))
        output.keep(staged, Descriptor("", Digest.of(b"of no image"), 11), None)
        for layer in image.layers:
            blob = replace(layer.descriptor, media_type="")
            output.keep(output.put_blob(fleeting(layer.blob, _CHUNK), Slot(-1, blob)), blob, None)
        output.discard(staged)
        self._finish(output, image)

    def image(self, seed: str, platform: Platform = DEFAULT_PLATFORM) -> BuiltImage:
        """An image in the form that the engine would write to this destination."""
        traits = open_traits(self.open)
        tars = [
            layer_tar((f"{number}/", ""), file(f"{number}/file", f"{seed} {number} " * 999), symlink("link", seed))
            for number in range(_LAYERS)
        ]
        return build_image(
            tars,
            family=traits.family or Family.DOCKER,
            compression=traits.convert or traits.compressions[0],
            config={"author": seed},
            platform=platform,
        )

    def index(self, seed: str) -> BuiltIndex:
        family = open_traits(self.open).family or Family.OCI
        images = (self.image(seed), self.image(f"{seed} too", Platform("linux", "arm64", "v8")))
        return build_index(images, family=family, attest=family is Family.OCI)

    def _finish(self, output: Output, tree: BuiltImage | BuiltIndex) -> None:
        for document in _leaves_first(tree):
            output.put_document(document)
        receipt = output.commit(tree.root)
        require(receipt.root.digest == tree.root.digest, "the receipt names the root that was committed")
        require(receipt.scheme and receipt.uri.startswith(receipt.scheme), "the receipt says where the image is")
        source = self.reopen(receipt)
        try:
            self._require_same(source, tree)
        finally:
            source.close()

    def _require_same(self, source: Input, tree: BuiltImage | BuiltIndex) -> None:
        documents = documents_below(source, source.root())
        raw = {digest: document.raw for digest, document in documents.items()}
        if self.exact:
            require(source.root().digest == tree.root.digest, "what was committed is found under its receipt's URI")
            require(raw == dict(tree.documents), "every document comes back with its exact bytes")
        for image in tree.images:
            require(raw.get(image.config.digest) == image.config.raw, "every config comes back with its exact bytes")
        blobs = {blob.digest: read_blob(source, blob) for blob in blobs_named_by(documents.values())}
        require(blobs == _blobs(tree), "every blob comes back with its exact bytes")


def _blobs(tree: BuiltImage | BuiltIndex) -> Mapping[Digest, bytes]:
    return dict(tree.blobs)


def _job(output: Output, image: BuiltImage, order: int) -> Callable[[], None]:
    return lambda: _put(output, image, order, order)


def _put_layers(output: Output, image: BuiltImage, first_order: int = 0) -> int:
    """All layers in order; the next free slot."""
    for position in range(len(image.layers)):
        _put(output, image, position, first_order + position)
    return first_order + len(image.layers)


def _put(output: Output, image: BuiltImage, position: int, order: int) -> None:
    layer = image.layers[position]
    held = output.holds(layer.descriptor.digest)
    if held is not None:
        require(held == layer.descriptor.size, "holds() answers the true size")
        return
    staged = output.put_blob(fleeting(layer.blob, _CHUNK), Slot(order, layer.descriptor))
    output.keep(staged, layer.descriptor, _sealed(position, layer))


def _sealed(position: int, layer: BuiltLayer) -> SealedLayer | None:
    source = Layer(position, layer.descriptor, layer.diff_id)
    if not source.is_tar:
        return None
    return SealedLayer(source, layer.diff_id, layer.descriptor, changed=False, uncompressed_size=len(layer.tar))


def _leaves_first(tree: BuiltImage | BuiltIndex) -> Iterator[Document]:
    if isinstance(tree, BuiltImage):
        yield tree.config
        yield tree.manifest
        return
    for child in tree.children:
        yield from _leaves_first(child)
    yield tree.index
