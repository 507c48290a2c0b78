"""From what the user wrote to opened parts: every name and option is checked before anything is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from occystrap_core.contracts.address import Address, written_out
from occystrap_core.contracts.options import keys_of, parse_options, split_filter
from occystrap_core.model.errors import OptionError, UnknownName, attributed
from occystrap_core.model.value import value

if TYPE_CHECKING:
    from occystrap_core.contracts.filter import FilterContext
    from occystrap_core.contracts.input import Input
    from occystrap_core.contracts.output import Output, OutputContext, Receipt
    from occystrap_core.contracts.settings import Settings
    from occystrap_core.contracts.verifier import Verifier
    from occystrap_core.discovery.manager import Plugins
    from occystrap_core.engine.chain import OpenFilter

Opener: TypeAlias = "Callable[[FilterContext], OpenFilter]"


@value
class Source:
    """Where to read from. `streamed` sources can be read once."""

    streamed: bool
    open: Callable[[Settings], Input]


@value
class Destination:
    """Where to write to; `scheme` by the plugin's own name, not an alias."""

    scheme: str
    streamed: bool
    open: Callable[[OutputContext], Output]


def find_source(plugins: Plugins, uri: str) -> Source:
    address = Address.parse(uri)
    with _known(uri):
        spec = plugins.input_spec(address.scheme)
    with attributed("source"):
        options: object = parse_options(spec.options, address.pairs, f"{spec.name}://")
    opener = plugins.implementation(spec)

    def open_input(settings: Settings) -> Input:
        with attributed("source"), _owned(f"{spec.name}://"):
            opened: Input = opener(address, options, settings)
        return opened

    return Source(address.is_standard_input, open_input)


def find_destination(plugins: Plugins, uri: str) -> Destination:
    address = Address.parse(uri)
    with _known(uri):
        spec = plugins.output_spec(address.scheme)
    with attributed("destination"):
        options: object = parse_options(spec.options, address.pairs, f"{spec.name}://")
    opener = plugins.implementation(spec)

    def open_output(context: OutputContext) -> Output:
        with _owned(f"{spec.name}://"):
            opened: Output = opener(address, options, context)
        return opened

    return Destination(spec.name, address.is_standard_output, open_output)


@contextmanager
def _owned(owner: str) -> Iterator[None]:
    """A value that only the plugin itself finds wrong is told of as every other."""
    try:
        yield
    except OptionError as error:
        error.message = f"{owner}: {error.message}"
        raise


@contextmanager
def _known(uri: str) -> Iterator[None]:
    """The name of an image and its tag look like a scheme and what it leads to."""
    try:
        yield
    except UnknownName as error:
        if "://" not in uri and "did you mean" not in error.hint:
            error.hint = written_out(uri)
        raise


def find_filter(plugins: Plugins, text: str) -> Opener:
    """The filter that `name:key=value,…` describes."""
    name, pairs = split_filter(text, lambda name: keys_of(plugins.filter_spec(name).options))
    spec = plugins.filter_spec(name)
    options: object = parse_options(spec.options, pairs, f"filter {name!r}", escaped=True)
    opener = plugins.implementation(spec)
    from occystrap_core.engine.chain import OpenFilter  # commands without filters do without

    def open_filter(context: FilterContext) -> OpenFilter:
        with attributed(f"filter {name!r}"):
            return OpenFilter(name, opener(options, context))

    return open_filter


def find_verifiers(plugins: Plugins, scheme: str) -> tuple[tuple[str, Verifier], ...]:
    """Those of every destination first: what they have read, the destination's own need not read again."""
    specs = sorted(plugins.verifier_specs(scheme), key=lambda spec: bool(spec.schemes))
    return tuple((spec.name, plugins.implementation(spec)()) for spec in specs)


def reopener(plugins: Plugins, destination: Destination, settings: Settings) -> Callable[[Receipt], Input] | None:
    """How to read back what was written; None where nobody reads such a destination."""
    if destination.streamed:
        return None
    try:
        plugins.input_spec(destination.scheme)
    except UnknownName:
        return None
    return lambda receipt: find_source(plugins, receipt.uri).open(receipt.settings or settings)
