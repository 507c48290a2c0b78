"""A fast check imports the rules about documents only, once the index knows which they are."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from occystrap_core.contracts.needs import Needs
from occystrap_core.discovery import manager
from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.entry_points import Row
from occystrap_core.discovery.index import Index, load_index
from occystrap_core.discovery.manager import Plugins, import_row
from occystrap_core.discovery.policy import ONLY_BUILT_INS, Policy


def plugins_of(index: Index) -> Plugins:
    return Plugins(Catalog(index, Policy().narrowed(ONLY_BUILT_INS)), strict=True, warn=print)


def test_fast_rules_are_those_about_documents(tmp_path: Path) -> None:
    index = load_index(str(tmp_path))
    every = plugins_of(index).check_specs()
    about_documents = tuple(spec for spec in every if spec.needs is Needs.DOCUMENTS)
    assert 0 < len(about_documents) < len(every)
    assert plugins_of(index).check_specs(fast=True) == about_documents


def test_the_others_are_imported_once_to_learn_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []

    def recorded(row: Row) -> ModuleType:
        imported.append(row.name)
        return import_row(row)

    monkeypatch.setattr(manager, "import_row", recorded)
    index = load_index(str(tmp_path))
    first = plugins_of(index).check_specs(fast=True)
    assert len(imported) > len(first)
    imported.clear()
    assert plugins_of(index).check_specs(fast=True) == first
    assert len(imported) == len(first)
