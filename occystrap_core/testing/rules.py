"""Judging an image in memory by rules of your own.

assert not findings(build_image([layer_tar(("etc/motd", "hello"))]), "acme_rules.no_secrets")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from occystrap_core.contracts.check import CheckContext, Examination
from occystrap_core.contracts.finding import Finding
from occystrap_core.contracts.needs import Needs
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM, Settings
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.engine.check import CheckRequest, Rule, check
from occystrap_core.engine.selection import Selection
from occystrap_core.model.targets import parse_targets
from occystrap_core.testing.build import Content
from occystrap_core.testing.memory import MemoryInput

NOON = 1_700_000_000.0
"""The time at which images are judged, unless a test says another."""


def findings(
    content: Content | MemoryInput, *rules: str | Rule, fast: bool = False, targets: str = "", now: float = NOON
) -> list[Finding]:
    """What these rules find in `content`, all its platforms included, as `occystrap check --all-platforms`
    would; `fast` and `targets` are its options. A rule is its plugin module's name, or a spec and the
    Examination that goes with it."""
    source = content if isinstance(content, MemoryInput) else MemoryInput(content)
    asked = tuple((spec, work) for spec, work in _opened(rules) if spec.needs is Needs.DOCUMENTS or not fast)
    context = CheckContext(parse_targets(targets), now)
    everything = Selection((DEFAULT_PLATFORM,), True)
    return list(check(CheckRequest(source, asked, everything, Settings(), Silent(), context, fast)).findings)


def _opened(rules: tuple[str | Rule, ...]) -> Iterator[Rule]:
    for rule in rules:
        if isinstance(rule, str):
            yield from ((spec, _implementation_of(spec)) for spec in import_module(rule).occystrap_checks())
        else:
            yield rule


def _implementation_of(spec: CheckSpec) -> Callable[[CheckContext], Examination]:
    module, _, name = spec.implementation.partition(":")
    found: Callable[[CheckContext], Examination] = getattr(import_module(module), name)
    return found
