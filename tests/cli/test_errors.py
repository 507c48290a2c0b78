"""Whatever goes wrong is one line on stderr, an exit code, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from occystrap_core.cli import run as run_module
from occystrap_core.model.errors import (
    AccessDenied,
    ContentError,
    OccystrapError,
    PluginError,
    TemporaryFileError,
    UsageError,
)
from tests.cli.conftest import Run, Site

FAILING = """
    from occystrap_core.contracts import CommandSpec, hookimpl

    @hookimpl
    def occystrap_commands():
        yield CommandSpec("fail", "fails", "acme_work:fail")
"""
WORK = """
    import click

    class Failure:
        error: BaseException

    @click.command()
    @click.option("--own", type=int)
    def fail(own):
        raise Failure.error
"""


@pytest.fixture
def fail_with(site: Site, run: Run) -> object:
    site.install("acme", offers={"commands": {"fail": "acme_plugin"}}, acme_plugin=FAILING, acme_work=WORK)

    def fail(error: BaseException, *arguments: str) -> object:
        import acme_work  # type: ignore[import-not-found]  # installed just above

        acme_work.Failure.error = error
        return run(*arguments, "fail")

    return fail


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prosess"], "unknown command 'prosess' (did you mean 'process'? the commands are "),
        (["--nope"], "Error: No such option '--nope' (see 'occystrap --help')\n"),
        (["--foo"], "Error: No such option '--foo' (see 'occystrap --help')\n"),
        (["process", "--parallell", "3"], "No such option '--parallell'. Did you mean '--parallel'? (see"),
        (["process"], "Missing argument 'SOURCE' (see 'occystrap process --help')"),
        (["process", "a:b"], "Missing argument 'DESTINATION'"),
        (["process", "image.tar", "tar://x"], "'image.tar' is not a URI (write it as scheme://…"),
        (["process", "smaple://", "tar://x"], "unknown source scheme 'smaple' (did you mean 'sample'?"),
        (["process", "sample://", "sample://"], "'sample' (it can be read from, not written to"),
        (["process", "sample://?leyers=1", "tar://x"], "source: sample://: there is no option 'leyers'"),
        (["process", "sample://?layers=x", "tar://x"], "source: sample://: option 'layers': 'x' is not a whole number"),
        (["process", "sample://", "tar://x?comprssion=gzip"], "destination: tar://: there is no option 'comprssion'"),
        (["process", "sample://", "tar://x", "-f", "exlude:pattern=a"], "'exlude' (did you mean 'exclude'?"),
        (["process", "sample://", "tar://x", "-f", "exclude"], "filter 'exclude': option 'pattern' is missing"),
        (["process", "sample://", "tar://x", "-f", "exclude:patern=a"], "'patern' (did you mean 'pattern'?)"),
        (["process", "busybox", "tar://x"], "'busybox' is not a URI (write it as registry://docker.io/busybox)"),
        (["process", "smaple:x", "tar://x"], "did you mean 'sample'"),
        (["process", "busybox:1.36", "tar://x"], "(write it as registry://docker.io/busybox:1.36)"),
        (["process", "quay.io/a/b:1", "tar://x"], "(write it as registry://quay.io/a/b:1)"),
        (["process", "localhost:5000/a", "tar://x"], "(write it as registry://localhost:5000/a)"),
        (["process", "sample://", "x?y"], "'x?y' is not a URI (write it as scheme://…, for example tar://image.tar)"),
        (["process", "sample://?layers=0", "tar://x"], "source: sample://: option 'layers': 0 is not between"),
        (["process", "sample://?size=q", "tar://x"], "source: sample://: option 'size': 'q' is not a size"),
        (["process", "sample://", "tar://x?name=:"], "destination: tar://: option 'name': ':' is not an image name"),
        (["process", "sample://", "registry://x/y?max_workers=0"], "destination: registry://: option 'max_workers': 0"),
        (["process", "sample://", "registry://x/y?format=docker&compression=zstd"], "registry://: option 'format': "),
        (["process", "sample://", "tar://x", "-f", "exclude:pattern=/"], "filter 'exclude': option 'pattern': "),
        (["process", "sample://", "tar://x", "--layer-cache", "/no/such/c.json"],
         "Invalid value for '--layer-cache': the folder '/no/such' does not exist"),
        (["process", "-j", "0", "a", "b"], "Invalid value for '-j' / '--parallel': '0' is not a number from 1 to 256"),
        (["process", "-j", "zero", "a", "b"], "'-j' / '--parallel': 'zero' is not a number from 1 to 256"),
        (["process", "--rate-limit", "nan", "a", "b"], "'--rate-limit': 'nan' is not a number from 0 on"),
        (["-O", "yaml", "plugins", "list"], "Invalid value for '-O' / '--output-format'"),
        (["plugins", "info", "exlude"], "no plugin is called 'exlude' (did you mean 'exclude'?"),
        (["plugins", "lst"], "No such command 'lst'"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    ],
)  # fmt: skip
def test_a_usage_error_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("Error: ")
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.glob("x*")), "nothing was begun"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PARALLEL", "zero", "'zero' is not a number from 1 to 256"),
        ("RETRIES", "-1", "'-1' is not a number from 0 to 100"),
        ("RATE_LIMIT", "fast", "'fast' is not a number from 0 on"),
        ("COMPRESSION", "lzma", "'lzma' is not one of 'gzip', 'zstd', 'none'"),
    ],
)
def test_a_variable_that_is_wrong_is_named(
    variable: str, value: str, message: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"OCCYSTRAP_{variable}", value)
    ran = run("process", "sample://", "tar://x")
    assert (ran.code, ran.err) == (
        2,
        f"Error: Invalid value for 'OCCYSTRAP_{variable}': {message} (see 'occystrap --help')\n",
    )


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("no", hint="do this"), 2, "Error: no (do this)"),
        (OccystrapError("broken", side="source"), 3, "Error: source: broken"),
        (AccessDenied("go away\x1b[31m\nX"), 3, r"Error: go away\x1b[31m\nX"),
        (ContentError("\u202egnp.exe"), 3, r"Error: \u202egnp.exe"),
        (PluginError("p"), 3, "Error: p"),
        (OSError(28, "No space left on device", "/x"), 3, "Error: /x: No space left on device"),
        (
            TemporaryFileError(28, "No space left on device", "/x"),
            3,
            "Error: temporary files: /x: No space left on device (--temp-dir names another directory for them)",
        ),
        (click.ClickException("said so"), 3, "Error: said so"),
        (ValueError("a bug"), 3, "Error: internal error: ValueError: a bug (--debug shows where; please report it)"),
        (MemoryError(), 3, "Error: internal error: MemoryError (--debug shows where; please report it)"),
        (KeyboardInterrupt(), 130, "Interrupted: stopped before it was done"),
        (run_module.Terminated(15), 143, "Interrupted: stopped before it was done"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
)
def test_what_a_command_raises(error: BaseException, code: int, line: str, fail_with) -> None:  # type: ignore[no-untyped-def]
    ran = fail_with(error)
    assert (ran.code, ran.out, ran.err) == (code, "", f"{line}\n" if line else "")


@pytest.mark.parametrize("position", ["before", "after"])
def test_debug_shows_where(position: str, fail_with, run: Run) -> None:  # type: ignore[no-untyped-def]
    fail_with(ValueError("a bug\x1b[0m"))
    ran = run("--debug", "fail") if position == "before" else run("fail", "--debug")
    assert "Traceback (most recent call last):" in ran.err
    assert ran.err.splitlines()[-1].startswith("Error: internal error: ValueError")
    assert "\x1b" not in ran.err


def test_an_exit_code_of_a_command_is_kept(fail_with) -> None:  # type: ignore[no-untyped-def]
    assert fail_with(click.exceptions.Exit(7)).code == 7


def test_without_arguments_help_is_shown(run: Run) -> None:
    ran = run()
    assert ran.code == 2
    assert ran.err.startswith("Usage: occystrap ")


def test_a_wrong_configuration_file_is_named(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "config" / "occystrap" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[plugins]\nblok = []\n")
    ran = run("plugins", "list")
    assert (ran.code, ran.err) == (
        2,
        f"Error: {file}: [plugins] has no key 'blok' (its keys are block, allow and prefer)\n",
    )


def _piped(*arguments: str, stdout: int, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]  # settings are subprocess's own
        [sys.executable, "-m", "occystrap_core", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = _piped("plugins", "list", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_full_disk_under_stdout_is_one_line() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    done = _piped("plugins", "list", stdout=full)
    os.close(full)
    assert (done.returncode, done.stderr) == (3, "Error: No space left on device\n")


def test_text_that_the_terminal_cannot_show_is_written_out() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = _piped("process", "--help", stdout=subprocess.PIPE, env=env)
    assert done.returncode == 0
    assert r"NAME[:KEY=VALUE,\u2026]" in done.stdout


def _in_shell(rest: str) -> subprocess.CompletedProcess[str]:
    command = f"{sys.executable} -m occystrap_core {rest}"
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True)


def test_streams_that_are_closed_do_not_matter() -> None:
    assert _in_shell("plugins list >&- 2>&-; echo $?").stdout == "0\n"


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("process sample://a tar://- >&-", "Error: destination: standard output is closed\n"),
        ("process sample://a tar://- <&- >&-", "Error: destination: standard output is closed\n"),
        ("process tar://- tar:///dev/null <&-", "Error: source: standard input is closed\n"),
        ("process sample://a registry://[::1]/a --password-stdin <&-", "Error: no password came from standard input\n"),
        ("process sample://a registry://[::1]/a --password-stdin </dev/null", "Error: no password came from standard"),
    ],
)
def test_streams_that_are_closed_and_needed(rest: str, says: str) -> None:
    done = _in_shell(rest)
    assert done.stderr.startswith(says)
    assert done.returncode == 2
