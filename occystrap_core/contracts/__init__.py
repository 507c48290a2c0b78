"""All that a plugin author imports.

    from occystrap_core.contracts import FilterSpec, hookimpl, option

A name is loaded when it is asked for: a plugin, and every start of the program, pays for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from occystrap_core.contracts.address import Address
    from occystrap_core.contracts.check import (
        CheckContext,
        Examination,
        FoundDocument,
        ImageUnderCheck,
        LayerExamination,
        LayerFacts,
        LayerUnderCheck,
        Listing,
        Remark,
        Role,
        Seen,
        Stage,
        View,
    )
    from occystrap_core.contracts.entry import Entry
    from occystrap_core.contracts.filter import (
        DeclaredChanges,
        Filter,
        FilterContext,
        FilterReport,
        StageLayer,
        Transform,
    )
    from occystrap_core.contracts.finding import Finding, Where
    from occystrap_core.contracts.input import Chunk, Input, InputTraits
    from occystrap_core.contracts.needs import Entries, Needs
    from occystrap_core.contracts.options import option
    from occystrap_core.contracts.output import Output, OutputContext, OutputTraits, Receipt, Slot, Staged
    from occystrap_core.contracts.settings import Settings
    from occystrap_core.contracts.severity import Severity
    from occystrap_core.contracts.specs import (
        PLUGIN_API,
        CheckSpec,
        CommandSpec,
        FilterSpec,
        InputSpec,
        NoOptions,
        OutputSpec,
        VerifierSpec,
    )
    from occystrap_core.contracts.verifier import Depth, Verifier, Written, WrittenImage
    from occystrap_core.hookspecs import hookimpl
    from occystrap_core.model.shown import shown

__all__ = [
    "PLUGIN_API",
    "Address",
    "CheckContext",
    "CheckSpec",
    "Chunk",
    "CommandSpec",
    "DeclaredChanges",
    "Depth",
    "Entries",
    "Entry",
    "Examination",
    "Filter",
    "FilterContext",
    "FilterReport",
    "FilterSpec",
    "Finding",
    "FoundDocument",
    "ImageUnderCheck",
    "Input",
    "InputSpec",
    "InputTraits",
    "LayerExamination",
    "LayerFacts",
    "LayerUnderCheck",
    "Listing",
    "Needs",
    "NoOptions",
    "Output",
    "OutputContext",
    "OutputSpec",
    "OutputTraits",
    "Receipt",
    "Remark",
    "Role",
    "Seen",
    "Settings",
    "Severity",
    "Slot",
    "Stage",
    "StageLayer",
    "Staged",
    "Transform",
    "Verifier",
    "VerifierSpec",
    "View",
    "Where",
    "Written",
    "WrittenImage",
    "hookimpl",
    "option",
    "shown",
]

_MODULES = (
    ("occystrap_core.contracts.address", ("Address",)),
    (
        "occystrap_core.contracts.check",
        (
            "CheckContext",
            "Examination",
            "FoundDocument",
            "ImageUnderCheck",
            "LayerExamination",
            "LayerFacts",
            "LayerUnderCheck",
            "Listing",
            "Remark",
            "Role",
            "Seen",
            "Stage",
            "View",
        ),
    ),
    ("occystrap_core.contracts.entry", ("Entry",)),
    (
        "occystrap_core.contracts.filter",
        ("DeclaredChanges", "Filter", "FilterContext", "FilterReport", "StageLayer", "Transform"),
    ),
    ("occystrap_core.contracts.finding", ("Finding", "Where")),
    ("occystrap_core.contracts.input", ("Chunk", "Input", "InputTraits")),
    ("occystrap_core.contracts.needs", ("Entries", "Needs")),
    ("occystrap_core.contracts.options", ("option",)),
    ("occystrap_core.contracts.output", ("Output", "OutputContext", "OutputTraits", "Receipt", "Slot", "Staged")),
    ("occystrap_core.contracts.settings", ("Settings",)),
    ("occystrap_core.contracts.severity", ("Severity",)),
    (
        "occystrap_core.contracts.specs",
        (
            "PLUGIN_API",
            "CheckSpec",
            "CommandSpec",
            "FilterSpec",
            "InputSpec",
            "NoOptions",
            "OutputSpec",
            "VerifierSpec",
        ),
    ),
    ("occystrap_core.contracts.verifier", ("Depth", "Verifier", "Written", "WrittenImage")),
    ("occystrap_core.model.shown", ("shown",)),
    ("occystrap_core.hookspecs", ("hookimpl",)),
)
_MODULE_OF = {name: module for module, names in _MODULES for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return found
