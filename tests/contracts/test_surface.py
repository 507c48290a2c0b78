"""What `occystrap_core.contracts` offers to plugin authors."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from occystrap_core import contracts


@pytest.mark.parametrize("name", contracts.__all__)
def test_every_name_can_be_had(name: str) -> None:
    assert getattr(contracts, name) is not None


def test_type_checkers_are_told_the_same_as_the_interpreter() -> None:
    tree = ast.parse(Path(contracts.__file__).read_text())
    [told] = [node for node in tree.body if isinstance(node, ast.If)]
    imports = {
        alias.name: node.module for node in told.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imports == contracts._MODULE_OF
    assert sorted(imports) == sorted(contracts.__all__)


def test_a_name_that_is_not_there_is_said_to_be() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Filtre'"):
        _ = contracts.Filtre


def test_a_plugin_that_names_a_filter_loads_nothing_about_checks() -> None:
    script = "import sys; from occystrap_core.contracts import FilterSpec; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "occystrap_core.contracts.specs" in loaded
    assert not {"occystrap_core.contracts.check", "occystrap_core.contracts.output", "pluggy"} & set(loaded)
