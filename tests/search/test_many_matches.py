"""However much is found, it takes next to no memory."""

from __future__ import annotations

import json

import pytest

from occystrap_core.engine import found_hits
from tests.cli.conftest import Run
from tests.end_to_end.test_memory import peak

MEGABYTE = 1 << 20
MANY = "sample://?layers=2&files=20000&size=0"


@pytest.mark.parametrize("told", [("-O", "json"), ("--merged",), ("--merged", "-O", "json")])
def test_matches_do_not_stay_in_memory(told: tuple[str, ...]) -> None:
    few = peak("search", "sample://?layers=2&files=10&size=0", "*", *told)
    assert peak("search", MANY, "*", *told) < few + 16 * MEGABYTE


@pytest.mark.parametrize("arguments", [("*",), ("*", "--merged"), ("--content", "e"), ("no such",)])
def test_those_put_aside_come_back_as_they_were(
    run: Run, source: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = run("search", source, *arguments, "-O", "json").out
    monkeypatch.setattr(found_hits, "_BATCH", 2)
    assert run("search", source, *arguments, "-O", "json").out == in_memory
    assert json.dumps(json.loads(in_memory), indent=2) + "\n" == in_memory
