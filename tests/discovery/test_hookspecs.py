"""Every hook is documented by an example that runs."""

from __future__ import annotations

import doctest

import pluggy
import pytest

from occystrap_core import hookspecs
from occystrap_core.discovery.manager import SPECS

HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("occystrap_"))


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_runs(name: str) -> None:
    tests = doctest.DocTestFinder().find(getattr(hookspecs, name), name, globs={})
    examples = [example for test in tests for example in test.examples]
    assert any("@hookimpl" in example.source for example in examples), "the docstring shows an implementation"
    for test in tests:
        result = doctest.DocTestRunner().run(test)
        assert result.failed == 0
        assert result.attempted == len(test.examples)


def test_every_kind_of_plugin_has_its_hook() -> None:
    assert [f"occystrap_{kind}" for kind in sorted(SPECS)] == HOOKS


def test_pluggy_accepts_the_specifications() -> None:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.check_pending()
    assert all(getattr(manager.hook, name).has_spec() for name in HOOKS)
