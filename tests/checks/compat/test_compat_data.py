"""The data file of compatibility: every fact is whole, of a known engine, and has a source."""

from __future__ import annotations

import pytest

from occystrap_checks.compat.features import EngineFact, features
from occystrap_core.model.targets import ENGINES

FACTS = [(name, fact) for name, found in features().items() for fact in found.engines]


@pytest.mark.parametrize(("feature", "fact"), FACTS, ids=[f"{name}-{fact.name}" for name, fact in FACTS])
def test_a_fact_says_one_thing_about_a_known_engine_and_where_it_is_known_from(feature: str, fact: EngineFact) -> None:
    answers = (fact.since is not None, fact.until is not None, fact.never, fact.limit is not None)
    assert sum(answers) == 1
    assert fact.name in ENGINES
    assert fact.source.startswith("https://")


def test_every_feature_has_a_title_and_names_no_engine_twice() -> None:
    for found in features().values():
        names = [fact.name for fact in found.engines]
        assert found.title and len(names) == len(set(names))


def test_every_target_is_an_engine_that_some_fact_is_about() -> None:
    assert {fact.name for _, fact in FACTS} == set(ENGINES)


def test_zstd_came_to_docker_with_23() -> None:
    assert {fact.name: fact.since for fact in features()["zstd"].engines}["docker"] == (23, 0)
