"""What a plugin's hook yields: small, frozen, and importing nothing heavy.

`implementation` is "module:attribute". It is imported at first use and called with

    input      (address, options, context: Settings)      -> Input
    output     (address, options, context: OutputContext) -> Output
    filter     (options, context: FilterContext)          -> Filter
    verifier   ()                                         -> Verifier
    check      (context: CheckContext)                    -> Examination
    command    is a click command
"""

from __future__ import annotations

from occystrap_core.contracts.needs import Entries, Needs
from occystrap_core.contracts.severity import Severity
from occystrap_core.model.value import value

PLUGIN_API = 1
"""The contract version. A plugin made for a newer one is refused with a clear text."""


@value
class NoOptions:
    """The options type of a plugin that has none."""


@value
class InputSpec:
    """`options` is a frozen dataclass made with `option()` fields; `grammar` is shown in help."""

    name: str
    summary: str
    implementation: str
    options: type = NoOptions
    grammar: str = ""
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


@value
class OutputSpec:
    name: str
    summary: str
    implementation: str
    options: type = NoOptions
    grammar: str = ""
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


@value
class FilterSpec:
    name: str
    summary: str
    implementation: str
    options: type = NoOptions
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


@value
class VerifierSpec:
    """`schemes`: the output schemes it answers for; empty means all of them."""

    name: str
    summary: str
    implementation: str
    schemes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


@value
class CommandSpec:
    name: str
    summary: str
    implementation: str
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


@value
class CheckSpec:
    """`name` is the rule's id and `summary` its title. `why` says why it matters, `example` shows
    an image or a Dockerfile that breaks it, `remedy` what to do; the three make `--explain` and
    the rules page. `kinds` and `entries` limit which entries `entry` is called for. `head` is
    how many first bytes of regular files it wants to see, `head_of` limits which (globs on the
    path, or "executable" for files with an x bit). `content` names small files (exact paths) that
    the view keeps for it. Findings of severity info are shown, never counted.
    """

    name: str
    summary: str
    implementation: str
    severity: Severity
    needs: Needs
    why: str
    example: str
    remedy: str
    kinds: frozenset[bytes] | None = None
    entries: Entries = Entries.ALL
    head: int = 0
    head_of: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API


Spec = InputSpec | OutputSpec | FilterSpec | VerifierSpec | CommandSpec | CheckSpec
