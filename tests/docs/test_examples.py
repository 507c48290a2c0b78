"""Every example in a console block runs, in the order of its page, and prints what the page says.

Examples that need the world outside, a registry with a name for instance, are at least
understood: every name, option and URI in them is checked as `process` checks it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from itertools import dropwhile, takewhile
from pathlib import Path

import click
import pytest

from occystrap_core.cli import check_job, inspecting, job, opening
from occystrap_core.discovery.manager import Plugins
from tests.cli.conftest import Ran, quiet_surroundings, run
from tests.docs import shell
from tests.docs.pages import ROOT, Fence, Page, all_pages, page
from tests.peers import Registry

__all__ = ["quiet_surroundings", "run"]

HOST = "localhost:5000"
_OUTSIDE = re.compile(r"registry://(?!localhost:5000)|^(pip|\./dev|docker|podman|skopeo|umoci|apt|git) ", re.MULTILINE)

# What has placeholders, and what the guide to plugins runs with its plugins installed.
_INCOMPLETE = re.compile(r"…|\b[A-Z]{4,}\b|registry://[AB]\b|drop-devices|log-files|stack://|zip://")


def console_blocks(document: Page) -> list[Fence]:
    return [fence for fence in document.fences() if fence.language == "console"]


def is_runnable(fence: Fence) -> bool:
    return not _OUTSIDE.search("\n".join(step.command for step in shell.steps(fence)))


def runnable_pages() -> list[Page]:
    """The guide to plugins has its own tests, which install the plugins first."""
    return [each for each in all_pages() if any(map(is_runnable, console_blocks(each))) and "plugins" not in each.name]


@pytest.mark.parametrize("document", runnable_pages(), ids=lambda each: each.name)
def test_examples_print_what_the_page_says(document: Page, desk: Path, request: pytest.FixtureRequest) -> None:
    blocks = [fence for fence in console_blocks(document) if is_runnable(fence)]
    host = ""
    if any(HOST in fence.text for fence in blocks):
        registry: Registry = request.getfixturevalue("registry")
        host = registry.host
    for fence in blocks:
        check_block(fence, desk, host)


def check_block(fence: Fence, folder: Path, host: str = "", extra: dict[str, str] | None = None) -> None:
    steps = [shell.Step(step.command.replace(HOST, host or HOST), step.shown) for step in shell.steps(fence)]
    outcomes = shell.run(steps, folder, extra or {})
    assert len(outcomes) == len(steps), f"{fence.where}: a command ended the shell"
    for position, (step, outcome) in enumerate(zip(steps, outcomes, strict=True)):
        code_is_asked_for = position + 1 < len(steps) and steps[position + 1].command == "echo $?"
        failure = f"{fence.where}: $ {step.command}\nexit code {outcome.code}\n{outcome.output}"
        assert outcome.code == 0 or step.may_fail or code_is_asked_for, failure
        if step.shown is not None:
            assert shell.matches(step.shown, outcome.output), failure


def occystrap_commands() -> list[tuple[str, str]]:
    """Where, and what: all that stand in console blocks, and those in indented blocks and tables that are complete."""
    found = []
    for document in all_pages():
        for fence in console_blocks(document):
            found += [(fence.where, step.command.replace("\\\n", " ")) for step in shell.steps(fence)]
        for line in re.findall(r"^    (occystrap .*)$|`(occystrap process [^`]*)`", document.prose(), re.MULTILINE):
            found.append((document.name, "".join(line).replace("\\|", "|")))
    complete = [(where, text) for where, text in found if not _INCOMPLETE.search(text)]
    words = [(where, first_command(text)) for where, text in complete]
    return [(where, shlex.join(command)) for where, command in words if command[0] == "occystrap"]


def first_command(text: str) -> list[str]:
    """The words of the first `occystrap` in a line of shell, up to a pipe, a redirection or the next command."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|;&>")
    lexer.whitespace_split, lexer.commenters = True, ""
    words = list(dropwhile(lambda word: word != "occystrap", lexer)) or [""]
    return list(takewhile(lambda word: not word.startswith(("|", ";", "&", ">")), words))


@pytest.mark.parametrize(("where", "command"), occystrap_commands())
def test_every_command_is_understood(
    where: str, command: str, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "run_job", only_checked)
    for command_that_looks in (inspecting, check_job):
        monkeypatch.setattr(command_that_looks, "find_source", only_found)
    done = run(*shlex.split(command)[1:])
    expected_to_fail = {"exclud:pattern=tmp": 2}
    code = next((code for word, code in expected_to_fail.items() if word in command), 0)
    assert done.code == code, f"{where}: {command}\n{done.err}"


def only_checked(
    session: object, source: str, destination: str, filters: tuple[str, ...], judged_by: object = None
) -> None:
    """`process` without doing anything: names, options and URIs are looked at, then it is over."""
    job._find(session, source, destination, filters, judged_by)  # type: ignore[arg-type]
    raise click.exceptions.Exit(0)


def only_found(plugins: Plugins, uri: str) -> None:
    """The same for commands that look at a source."""
    opening.find_source(plugins, uri)
    raise click.exceptions.Exit(0)


_DEMO = """
import importlib.machinery, importlib.util, sys
from pathlib import Path

loader = importlib.machinery.SourceFileLoader("dev", sys.argv[1])
dev = importlib.util.module_from_spec(importlib.util.spec_from_loader("dev", loader))
loader.exec_module(dev)
dev.set_up = lambda extra: None
dev.ROOT, dev.WORK, dev.VENV = Path.cwd(), Path.cwd() / ".work", Path(sys.prefix)
sys.exit(dev.main(["demo"]))
"""


def test_the_demo_prints_what_the_readme_says(desk: Path) -> None:
    first = next(page("README.md").fences())
    begin = "$ ./dev demo\n…\n"
    assert first.text.startswith(begin)
    done = subprocess.run(
        [sys.executable, "-u", "-B", "-c", _DEMO, ROOT / "dev"],
        cwd=desk,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert shell.matches(first.text.removeprefix(begin), done.stdout), done.stdout


def test_there_are_examples() -> None:
    assert len(runnable_pages()) >= 6
    assert len(occystrap_commands()) >= 40


def test_output_that_differs_is_noticed(desk: Path) -> None:
    def block(text: str) -> Fence:
        return Fence(page("README.md").path, 1, "console", text, "")

    check_block(block("$ echo one; echo two\none\n…"), desk)
    with pytest.raises(AssertionError, match="exit code 0"):
        check_block(block("$ echo one\ntwo"), desk)
    check_block(block("$ echo 10.0 KB in 1.5s\n10.1 KB in 0.1s"), desk)
    with pytest.raises(AssertionError):
        check_block(block("$ echo 10.0 KB\n12.0 KB"), desk)
    with pytest.raises(AssertionError, match="exit code 3"):
        check_block(block("$ occystrap process tar://missing.tar tar://x.tar"), desk)
    check_block(block("$ occystrap process tar://missing.tar tar://x.tar\nError: …\n$ echo $?\n3"), desk)
