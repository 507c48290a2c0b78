"""`occystrap plugins list` and `info`."""

from __future__ import annotations

import json
import sys

import pytest

from occystrap_core._version import VERSION
from tests.cli.conftest import Run, Site

FILTER = """
    from dataclasses import dataclass
    from enum import StrEnum
    from occystrap_core.contracts import FilterSpec, hookimpl, option

    class Way(StrEnum):
        UP = "up"
        DOWN = "down"

    @dataclass(frozen=True)
    class Options:
        way: Way = option(Way.UP, help="which way")
        names: tuple[str, ...] = option(("a", "b"), help="whose", aliases=("who",))
        often: bool = option(False, help="again\\x1b[31m")
        depth: int | None = option(None, required=True, help="how deep")

    @hookimpl
    def occystrap_filters():
        yield FilterSpec("reverse", "entries backwards", "acme_work:Reverse", Options)
"""


@pytest.fixture
def acme(site: Site) -> Site:
    site.install("acme", "2.0", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin=FILTER)
    return site


def test_the_list_imports_no_plugin(acme: Site, run: Run) -> None:
    for name in [name for name in sys.modules if name.endswith(".plugin")]:
        if not name.startswith("occystrap_core.cli"):
            sys.modules.pop(name)
    assert run("plugins", "list").code == 0
    assert "acme_plugin" not in sys.modules
    assert not [name for name in sys.modules if name.startswith("occystrap_") and name.endswith(".tar.plugin")]


def test_the_list_says_who_offers_what(acme: Site, run: Run) -> None:
    ran = run("plugins", "list")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in ran.out.splitlines() if "|" in line]
    assert rows[0] == ["Kind", "Name", "Distribution", "State"]
    assert ["filters", "reverse", "acme 2.0", "active"] in rows
    assert ["inputs", "tar", f"occystrap {VERSION}", "active"] in rows
    assert rows[1:] == sorted(rows[1:])


def test_the_list_as_json_has_a_version_and_a_shape(acme: Site, run: Run) -> None:
    listed = json.loads(run("plugins", "list", "-O", "json").out)
    assert listed["version"] == 1
    [row] = [row for row in listed["plugins"] if row["name"] == "reverse"]
    assert row == {
        "kind": "filters",
        "name": "reverse",
        "distribution": "acme",
        "version": "2.0",
        "module": "acme_plugin",
        "built_in": False,
        "state": "active",
        "reason": "",
    }


def test_the_list_tells_what_may_not_run_and_why(acme: Site, run: Run) -> None:
    acme.install("rival", offers={"filters": {"reverse": "rival_plugin"}})
    conflicts = [row for row in json.loads(run("plugins", "list", "-O", "json").out)["plugins"] if row["reason"]]
    assert {(row["distribution"], row["state"]) for row in conflicts} == {("acme", "conflict"), ("rival", "conflict")}
    blocked = run("--no-plugins", "plugins", "list").out
    assert "acme is not among the allowed plugins" in blocked


def test_info_shows_what_a_plugin_takes(acme: Site, run: Run) -> None:
    ran = run("plugins", "info", "Reverse")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "filter reverse: entries backwards"
    assert lines[1] == "  from    acme 2.0, acme_work:Reverse"
    [columns, *rows] = [[cell.strip() for cell in line.split(" | ")] for line in lines if line.startswith("|")]
    assert [cell.strip("| ") for cell in columns] == ["Option", "Type", "Default", "Meaning"]
    assert [[cell.strip("| ") for cell in row] for row in rows] == [
        ["way", "up|down", "up", "which way"],
        ["names, who", "list", "a,b", "whose"],
        ["often", "bool", "false", r"again\x1b[31m"],
        ["depth", "int", "required", "how deep"],
    ]


def test_info_of_a_name_of_several_kinds_shows_all(run: Run) -> None:
    described = json.loads(run("plugins", "info", "tar", "-O", "json").out)
    assert described["version"] == 1
    assert [each["kind"] for each in described["plugins"]] == ["inputs", "outputs", "verifiers"]
    assert all(each["summary"] and each["api"] == 1 for each in described["plugins"])


def test_info_of_an_alias_tells_the_name_it_stands_for(run: Run) -> None:
    [described, *_] = json.loads(run("plugins", "info", "file", "-O", "json").out)["plugins"]
    assert (described["name"], described["aliases"]) == ("tar", ["file"])


def test_info_of_a_broken_plugin_says_what_is_wrong(site: Site, run: Run) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin="import no_such_thing")
    ran = run("plugins", "info", "reverse")
    assert ran.code == 3
    assert "filter 'reverse' of acme 1.0 cannot be loaded: ModuleNotFoundError" in ran.err


def test_info_of_a_blocked_plugin_says_so(acme: Site, run: Run) -> None:
    ran = run("--no-plugins", "plugins", "info", "reverse")
    assert ran.code == 3
    assert "may not be used" in ran.err
