"""The hooks. A plugin is a module that implements one or more of them, named by an entry point.

The entry point's group says the kind and its name says what is offered:

    [project.entry-points."occystrap.filters"]
    reverse = "acme_reverse.plugin"

The module must import nothing heavy: it is imported when its name is needed, its
implementation only when it is used.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from occystrap_core.contracts.specs import CheckSpec, CommandSpec, FilterSpec, InputSpec, OutputSpec, VerifierSpec

PROJECT = "occystrap"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def occystrap_inputs() -> Iterable[InputSpec]:  # type: ignore[empty-body]
    """Schemes that images can be read from.

    >>> from occystrap_core.contracts import InputSpec, hookimpl
    >>> @hookimpl
    ... def occystrap_inputs():
    ...     yield InputSpec("floppy", "images on floppy disks", "acme_floppy.input:open_input")
    >>> [spec.name for spec in occystrap_inputs()]
    ['floppy']
    """


@hookspec
def occystrap_outputs() -> Iterable[OutputSpec]:  # type: ignore[empty-body]
    """Schemes that images can be written to.

    >>> from occystrap_core.contracts import OutputSpec, hookimpl
    >>> @hookimpl
    ... def occystrap_outputs():
    ...     yield OutputSpec("floppy", "images on floppy disks", "acme_floppy.output:open_output")
    >>> [spec.name for spec in occystrap_outputs()]
    ['floppy']
    """


@hookspec
def occystrap_filters() -> Iterable[FilterSpec]:  # type: ignore[empty-body]
    """What can happen to an image on its way.

    >>> from occystrap_core.contracts import FilterSpec, hookimpl
    >>> @hookimpl
    ... def occystrap_filters():
    ...     yield FilterSpec("reverse", "entries in reverse order", "acme_reverse.filter:open_filter")
    >>> [spec.name for spec in occystrap_filters()]
    ['reverse']
    """


@hookspec
def occystrap_verifiers() -> Iterable[VerifierSpec]:  # type: ignore[empty-body]
    """Who looks at the result after the write; several may answer for one scheme.

    >>> from occystrap_core.contracts import VerifierSpec, hookimpl
    >>> @hookimpl
    ... def occystrap_verifiers():
    ...     yield VerifierSpec("acme-labels", "labels that Acme asks for", "acme.labels:LabelVerifier")
    >>> [spec.schemes for spec in occystrap_verifiers()]
    [()]
    """


@hookspec
def occystrap_checks() -> Iterable[CheckSpec]:  # type: ignore[empty-body]
    """Rules that `check` judges images by, one entry point for each, named by the rule's id.

    >>> from occystrap_core.contracts import CheckSpec, Needs, Severity, hookimpl
    >>> @hookimpl
    ... def occystrap_checks():
    ...     yield CheckSpec(
    ...         "acme-label", "images say which team owns them", "acme.label:OwnerLabel", Severity.ERROR,
    ...         Needs.DOCUMENTS, why="an image nobody owns is patched by nobody",
    ...         example="FROM debian", remedy="add LABEL com.acme.owner=…",
    ...     )
    >>> [spec.name for spec in occystrap_checks()]
    ['acme-label']
    """


@hookspec
def occystrap_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Sub-commands of `occystrap`.

    >>> from occystrap_core.contracts import CommandSpec, hookimpl
    >>> @hookimpl
    ... def occystrap_commands():
    ...     yield CommandSpec("sign", "sign an image", "acme_sign.command:sign")
    >>> [spec.name for spec in occystrap_commands()]
    ['sign']
    """
