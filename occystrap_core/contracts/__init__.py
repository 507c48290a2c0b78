"""All that a plugin author imports.

    from occystrap_core.contracts import FilterSpec, hookimpl, option

`hookimpl` is loaded when asked for, so that a values-only import stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.check import (
    CheckContext,
    Entries,
    Examination,
    FoundDocument,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Listing,
    Needs,
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
from occystrap_core.contracts.finding import Finding, Severity, Where
from occystrap_core.contracts.input import Chunk, Input, InputTraits
from occystrap_core.contracts.options import option
from occystrap_core.contracts.output import Output, OutputContext, OutputTraits, Receipt, Slot, Staged
from occystrap_core.contracts.settings import Settings
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
from occystrap_core.model.shown import shown

if TYPE_CHECKING:
    from occystrap_core.hookspecs import hookimpl

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


def __getattr__(name: str) -> Any:
    if name == "hookimpl":
        from occystrap_core.hookspecs import hookimpl

        return hookimpl
    raise AttributeError(name)
