"""Every built-in plugin module keeps the rules for plugins."""

from __future__ import annotations

import importlib.metadata

import pytest

from occystrap_core.testing.conformance import check_plugin

OURS = [
    entry for entry in importlib.metadata.distribution("occystrap").entry_points if entry.group != "console_scripts"
]


@pytest.mark.parametrize("module", sorted({entry.value for entry in OURS}))
def test_the_module_is_light_and_its_specs_are_sound(module):
    specs = check_plugin(module)
    offered = {name for spec in specs for name in (spec.name, *spec.aliases)}
    assert {entry.name for entry in OURS if entry.value == module} <= offered
