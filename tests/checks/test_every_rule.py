"""Every rule has its test, and words that a person can do something with."""

from __future__ import annotations

import pytest

from occystrap_core.contracts.specs import CheckSpec
from tests.checks.rules import rules
from tests.peers import REPOSITORY_ROOT

SPECS = [spec for spec, _ in rules()]
TESTS = "".join(path.read_text() for path in sorted((REPOSITORY_ROOT / "tests" / "checks").glob("*/test_*.py")))


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.name)
def test_it_is_broken_by_an_image_in_a_test_of_its_family(spec: CheckSpec) -> None:
    assert f'"{spec.name}"' in TESTS


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.name)
def test_it_explains_itself(spec: CheckSpec) -> None:
    assert not spec.summary.endswith(".")
    assert len(spec.why) > 40
    assert len(spec.remedy) > 10
    assert spec.example
    module = spec.name.replace("-", "_")
    assert spec.implementation.split(":")[0].endswith(f".{module}"), "one rule, one module of its name"
