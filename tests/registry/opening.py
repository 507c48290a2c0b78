"""The registry plugins, opened from a URI without the command line."""

from __future__ import annotations

from dataclasses import replace

from occystrap_core.contracts import Address, OutputContext, Receipt, Settings, Slot
from occystrap_core.contracts.options import parse_options
from occystrap_core.model.image import ImageName
from occystrap_core.testing.build import BuiltImage, BuiltIndex
from occystrap_inputs.registry.input import RegistryInput
from occystrap_inputs.registry.plugin import RegistryInputOptions
from occystrap_outputs.registry.output import RegistryOutput
from occystrap_outputs.registry.plugin import RegistryOutputOptions

SETTINGS = Settings(retries=1)


def source(uri: str, settings: Settings = SETTINGS) -> RegistryInput:
    address = Address.parse(uri)
    return RegistryInput(address, parse_options(RegistryInputOptions, address.pairs, "source"), settings)


def destination(uri: str, origin: tuple[str, str] | None = None, settings: Settings = SETTINGS) -> RegistryOutput:
    address = Address.parse(uri)
    options = parse_options(RegistryOutputOptions, address.pairs, "destination")
    return RegistryOutput(address, options, OutputContext(settings, ImageName("sample", "latest"), origin))


def put_blobs(output: RegistryOutput, tree: BuiltImage | BuiltIndex) -> None:
    for image in tree.images:
        for order, layer in enumerate(image.layers):
            output.keep(output.put_blob([layer.blob], Slot(order)), layer.descriptor, None)
        output.put_document(image.config)


def push(output: RegistryOutput, tree: BuiltImage | BuiltIndex) -> Receipt:
    put_blobs(output, tree)
    for image in tree.images:
        output.put_document(image.manifest)
    if isinstance(tree, BuiltIndex):
        output.put_document(tree.index)
    return output.commit(replace(tree.root, platform=None))
