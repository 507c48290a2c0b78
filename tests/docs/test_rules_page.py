"""The page of rules says what the rules say."""

from __future__ import annotations

import importlib.util

from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.index import load_index
from occystrap_core.discovery.policy import ONLY_BUILT_INS, Policy
from tests.peers import REPOSITORY_ROOT


def test_the_page_is_what_the_rules_make_of_it() -> None:
    found = importlib.util.spec_from_file_location("make_rules", REPOSITORY_ROOT / "docs/make_rules.py")
    assert found is not None and found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run: python docs/make_rules.py"


def test_every_rule_has_its_section() -> None:
    text = (REPOSITORY_ROOT / "docs/rules.md").read_text(encoding="utf-8")
    names = Catalog(load_index(), Policy().narrowed(ONLY_BUILT_INS)).names("checks")
    assert len(names) > 70
    assert not [name for name in names if f"\n### {name}\n" not in text]
