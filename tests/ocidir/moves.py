"""Moving images between the directory schemes in a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from occystrap_core.contracts import Address, Finding, Input, Output, OutputContext, Settings
from occystrap_core.contracts.options import parse_options
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM
from occystrap_core.contracts.verifier import Depth, Verifier, Written
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.process import process
from occystrap_core.engine.selection import Selection
from occystrap_core.engine.source_tree import read_tree
from occystrap_core.model.image import Image, Index, images_of
from occystrap_core.testing.build import Content
from occystrap_core.testing.memory import MemoryInput
from occystrap_inputs.dir.input import DirectoryInput
from occystrap_inputs.dir.plugin import DirectoryInputOptions
from occystrap_inputs.ocidir.input import LayoutInput
from occystrap_inputs.ocidir.plugin import LayoutInputOptions
from occystrap_outputs.dir.output import DirectoryOutput
from occystrap_outputs.dir.plugin import DirectoryOutputOptions
from occystrap_outputs.dir.verifier import DirectoryVerifier
from occystrap_outputs.ocidir.output import LayoutOutput
from occystrap_outputs.ocidir.plugin import LayoutOutputOptions
from occystrap_outputs.ocidir.verifier import LayoutVerifier

ONE = Selection((DEFAULT_PLATFORM,))
ALL = Selection((), everything=True)

_INPUTS: dict[str, tuple[Callable[..., Input], type]] = {
    "ocidir": (LayoutInput, LayoutInputOptions),
    "dir": (DirectoryInput, DirectoryInputOptions),
}
_OUTPUTS: dict[str, tuple[Callable[..., Output], type]] = {
    "ocidir": (LayoutOutput, LayoutOutputOptions),
    "dir": (DirectoryOutput, DirectoryOutputOptions),
}
_VERIFIERS: dict[str, Verifier] = {"ocidir": LayoutVerifier(), "dir": DirectoryVerifier()}


def source(uri: str) -> Input:
    address = Address.parse(uri)
    opening, options = _INPUTS[address.scheme]
    return opening(address, parse_options(options, address.pairs, uri), Settings())


def destination(uri: str, context: OutputContext) -> Output:
    address = Address.parse(uri)
    opening, options = _OUTPUTS[address.scheme]
    return opening(address, parse_options(options, address.pairs, uri), context)


class Memory:
    """A verifier that finds nothing and remembers what was written."""

    written: Written

    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        self.written = written
        return ()


def written(start: Content | Input | str, to: str) -> Written:
    """Move, and give what a verifier is told."""
    memory = Memory()
    move(start, to, verifier=memory)
    return memory.written


def move(
    start: Content | Input | str,
    to: str,
    *,
    selection: Selection = ALL,
    settings: Settings | None = None,
    depth: Depth | None = Depth.FULL,
    verifier: Verifier | None = None,
) -> Outcome:
    """Through the engine, and verified unless `depth` is None."""
    request = Request(
        source=_opened(start),
        open_output=lambda context: destination(to, context),
        selection=selection,
        settings=settings or Settings(),
        progress=Silent(),
        verifiers=(("written", verifier or _VERIFIERS[to.partition(":")[0]]),),
        depth=depth,
        reopen_destination=lambda receipt: source(receipt.uri),
    )
    return process(request)


def tree_of(uri: str) -> Image | Index:
    return read_tree(source(uri), ALL)[0]


def read_everything(uri: str) -> dict[str, bytes]:
    """Every blob of an image by digest, just as the engine's digest check would want them."""
    opened = source(uri)
    blobs: dict[str, bytes] = {}
    for image in images_of(read_tree(opened, ALL)[0]):
        for layer in image.layers:
            content = b"".join(bytes(chunk) for chunk in opened.blob(layer.descriptor))
            assert layer.descriptor.digest.matches(content)
            blobs[str(layer.descriptor.digest)] = content
    return blobs


def _opened(start: Any) -> Input:
    if isinstance(start, str):
        return source(start)
    return MemoryInput(start) if hasattr(start, "documents") else start
