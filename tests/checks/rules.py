"""Judging an image by some rules in a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from occystrap_core.contracts.check import CheckContext
from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM, Settings
from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.index import load_index
from occystrap_core.discovery.manager import Plugins
from occystrap_core.discovery.policy import ONLY_BUILT_INS, Policy
from occystrap_core.engine.check import CheckOutcome, CheckRequest, Rule, check
from occystrap_core.engine.selection import Selection
from occystrap_core.testing.build import Content
from occystrap_core.testing.memory import MemoryInput

NOW = 1_700_000_000.0


def rules(*wanted: str) -> tuple[Rule, ...]:
    """These rules as their entry points offer them; all of ours where none is named."""
    plugins = Plugins(Catalog(load_index(), Policy().narrowed(ONLY_BUILT_INS)), strict=True, warn=print)
    found = {spec.name: (spec, plugins.implementation(spec)) for spec in plugins.check_specs()}
    return tuple(found[name] for name in wanted or found)


def outcome(
    content: Content | MemoryInput,
    *wanted: str | Rule,
    fast: bool = False,
    targets: Sequence[tuple[str, tuple[int, ...]]] = (),
    everything: bool = True,
    severities: Mapping[str, Severity] = MappingProxyType({}),
    **context: Any,
) -> CheckOutcome:
    source = content if isinstance(content, MemoryInput) else MemoryInput(content)
    names = [each for each in wanted if isinstance(each, str)]
    given = [each for each in wanted if not isinstance(each, str)]
    chosen = (*(rules(*names) if names or not given else ()), *given)
    about = CheckContext(targets=tuple(targets), now=context.pop("now", NOW), **context)
    selection = Selection((DEFAULT_PLATFORM,), everything)
    return check(CheckRequest(source, chosen, selection, Settings(), Silent(), about, fast, severities))


def findings(content: Content | MemoryInput, *wanted: str | Rule, **how: Any) -> list[Finding]:
    """What the rules find; the information that all is well is left out."""
    return [found for found in outcome(content, *wanted, **how).findings if found.severity is not Severity.INFO]


def said(content: Content | MemoryInput, *wanted: str | Rule, **how: Any) -> list[tuple[str, str, str]]:
    """(id, severity, message) of everything, information included."""
    return [(found.check, str(found.severity), found.message) for found in outcome(content, *wanted, **how).findings]
