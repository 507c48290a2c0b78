"""Every built-in plugin module keeps the rules for plugins."""

from __future__ import annotations

import importlib.metadata

import pytest

from occystrap_core.testing.conformance.plugin import check_lightness, check_specs

OURS = [
    entry for entry in importlib.metadata.distribution("occystrap").entry_points if entry.group != "console_scripts"
]


MODULES = sorted({entry.value for entry in OURS})


def test_all_modules_are_light():
    check_lightness(*MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_the_specs_are_sound(module):
    specs = check_specs(module)
    offered = {name for spec in specs for name in (spec.name, *spec.aliases)}
    assert {entry.name for entry in OURS if entry.value == module} <= offered
