"""What a plugin's hook yields: small, frozen, and importing nothing heavy.

`implementation` is "module:attribute". It is imported at first use and called with

    input      (address, options, context: Settings)      -> Input
    output     (address, options, context: OutputContext) -> Output
    filter     (options, context: FilterContext)          -> Filter
    verifier   ()                                         -> Verifier
    command    is a click command
"""

from __future__ import annotations

from dataclasses import dataclass

PLUGIN_API = 1
"""The contract version. A plugin made for a newer one is refused with a clear text."""


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The options type of a plugin that has none."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """`options` is a frozen dataclass made with `option()` fields; `grammar` is shown in help."""

    name: str
    summary: str
    implementation: str
    options: type = NoOptions
    grammar: str = ""
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


@dataclass(frozen=True, slots=True)
class OutputSpec:
    name: str
    summary: str
    implementation: str
    options: type = NoOptions
    grammar: str = ""
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


@dataclass(frozen=True, slots=True)
class FilterSpec:
    name: str
    summary: str
    implementation: str
    options: type = NoOptions
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


@dataclass(frozen=True, slots=True)
class VerifierSpec:
    """`schemes`: the output schemes it answers for; empty means all of them."""

    name: str
    summary: str
    implementation: str
    schemes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


@dataclass(frozen=True, slots=True)
class CommandSpec:
    name: str
    summary: str
    implementation: str
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


Spec = InputSpec | OutputSpec | FilterSpec | VerifierSpec | CommandSpec
