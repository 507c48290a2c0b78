"""Global options: before the command and after it, from the environment, within their ranges."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.contracts.settings import Settings
from tests.cli.conftest import Run, Site

PLUGIN = """
    from occystrap_core.contracts import CommandSpec, hookimpl

    @hookimpl
    def occystrap_commands():
        yield CommandSpec("show", "show the settings", "acme_work:show")
        yield CommandSpec("group", "a group", "acme_work:group")
"""
WORK = """
    import click, json
    from occystrap_core.cli.session import pass_session

    @click.command()
    @click.option("--insecure", "own", is_flag=True, help="this command's own meaning")
    @pass_session
    def show(session, own):
        settings = session.settings
        print(json.dumps({
            "platforms": [str(platform) for platform in session.selection.platforms],
            "everything": session.selection.everything,
            "depth": session.depth,
            "json": session.json,
            "quiet": session.quiet,
            "own": own,
            **{name: getattr(settings, name) for name in settings.__slots__ if name not in ("platform", "temp_dir")},
            "temp_dir": str(settings.temp_dir),
        }))

    @click.group()
    def group(): pass

    @group.command()
    @pass_session
    def below(session):
        print(session.settings.parallel)
"""


@pytest.fixture
def show(site: Site, run: Run) -> Any:
    site.install(
        "acme", offers={"commands": {"show": "acme_plugin", "group": "acme_plugin"}}, acme_plugin=PLUGIN, acme_work=WORK
    )

    def show(*before: str, after: tuple[str, ...] = ()) -> dict[str, Any]:
        ran = run(*before, "show", *after)
        assert ran.code == 0, ran.err
        shown: dict[str, Any] = json.loads(ran.out)
        return shown

    return show


def test_defaults_are_those_of_the_contract(show: Any) -> None:
    shown, expected = show(), Settings()
    for name in ("username", "password", "insecure", "compression", "parallel", "retries", "rate_limit"):
        assert shown[name] == getattr(expected, name), name
    assert shown["platforms"] == [str(expected.platform)]
    assert (shown["depth"], shown["json"], shown["everything"], shown["temp_dir"]) == ("quick", False, False, "None")


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        (("-j", "7"), "parallel", 7),
        (("--retries", "0"), "retries", 0),
        (("--rate-limit", "2.5"), "rate_limit", 2.5),
        (("--rate-limit", "0"), "rate_limit", None),
        (("--compression", "ZSTD"), "compression", "zstd"),
        (("--username", "me"), "username", "me"),
        (("--password", "12345"), "password", "12345"),
        (("--no-verify",), "depth", None),
        (("--no-verify", "--verify-full"), "depth", "full"),
        (("-O", "json"), "json", True),
        (("-q",), "quiet", True),
        (("--os", "windows"), "platforms", ["windows/amd64"]),
        (("--architecture", "x86_64"), "platforms", ["linux/amd64"]),
        (("--architecture", "arm", "--variant", "v7"), "platforms", ["linux/arm/v7"]),
        (("--platform", "linux/arm64", "--platform", "linux/amd64"), "platforms", ["linux/arm64", "linux/amd64"]),
        (("--all-platforms",), "everything", True),
        (("--temp-dir", "/"), "temp_dir", "/"),
    ],
)
def test_an_option_means_the_same_before_and_after_the_command(
    given: tuple[str, ...], name: str, value: object, show: Any
) -> None:
    assert show(*given)[name] == value
    assert show(after=given)[name] == value


def test_the_one_after_the_command_wins_and_lists_add_up(show: Any) -> None:
    assert show("-j", "2", after=("-j", "3"))["parallel"] == 3
    assert show("--verify", after=("--no-verify",))["depth"] is None
    platforms = show("--platform", "linux/arm64", after=("--platform", "linux/s390x"))["platforms"]
    assert platforms == ["linux/arm64", "linux/s390x"]


def test_the_environment_is_weaker_than_what_is_given_anywhere(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCYSTRAP_PARALLEL", "9")
    monkeypatch.setenv("OCCYSTRAP_PASSWORD", "from the environment")
    monkeypatch.setenv("OCCYSTRAP_VERIFY", "false")
    shown = show()
    assert (shown["parallel"], shown["password"], shown["depth"]) == (9, "from the environment", None)
    assert show("-j", "2")["parallel"] == 2
    assert show(after=("-j", "2"))["parallel"] == 2


def test_a_command_keeps_an_option_of_its_own(show: Any) -> None:
    assert show(after=("--insecure",))["own"] is True
    assert show(after=("--insecure",))["insecure"] is False
    assert show("--insecure")["insecure"] is True


def test_commands_below_a_group_take_them_too(show: Any, run: Run) -> None:
    assert run("group", "below", "-j", "5").out == "5\n"
    assert run("group", "-j", "6", "below").out == "6\n"


@pytest.mark.parametrize(
    "wrong",
    [
        ("-j", "0"),
        ("-j", "many"),
        ("-J", "-1"),
        ("--retries", "-1"),
        ("--rate-limit", "-0.5"),
        ("--rate-limit", "nan"),
        ("--rate-limit", "inf"),
        ("--compression", "lzma"),
        ("--temp-dir", "/no/such/folder"),
        ("--platform", "linux"),
        ("--platform", "linux/amd64", "--os", "linux"),
        ("--platform", "linux/amd64", "--all-platforms"),
        ("--architecture", "arm64", "--all-platforms"),
        ("--password", "x", "--password-stdin"),
    ],
)
def test_values_out_of_range_are_refused(wrong: tuple[str, ...], show: Any, run: Run) -> None:
    for arguments in ((*wrong, "show"), ("show", *wrong)):
        ran = run(*arguments)
        assert ran.code == 2, arguments
        assert ran.err.startswith("Error: ")
        assert ran.err.count("\n") == 1


def test_the_password_comes_from_the_first_line_of_stdin(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("se cret \r\nmore\n"))
    assert show("--password-stdin")["password"] == "se cret "


def test_help_of_the_program_lists_them_and_help_of_a_command_does_not(show: Any, run: Run) -> None:
    assert "--layer-cache" in run("--help").out
    ran = run("show", "-h")
    assert ran.code == 0
    assert "--layer-cache" not in ran.out
    assert "this command's own meaning" in ran.out


def test_no_plugins_counts_after_the_command_too(show: Any, run: Run) -> None:
    for arguments in (("--no-plugins", "show"), ("show", "--no-plugins")):
        ran = run(*arguments)
        assert (ran.code, ran.out) == (3, "")
        assert "command 'show' of acme 1.0 may not be used" in ran.err
        assert "show" not in run("--no-plugins", "--help").out.split("Commands:")[1]


def test_version_is_an_option_like_any_other(run: Run) -> None:
    assert run("--version").out == run("--debug", "--version").out == "occystrap 1.0.0\n"


def test_python_runs_the_package_too(run: Run, tmp_path: Path) -> None:
    from tests.peers import run_cli

    assert run_cli("--version").stdout == "occystrap 1.0.0\n"
