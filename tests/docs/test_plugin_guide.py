"""The packages that docs/plugins.md shows are complete: made of nothing but the page, they work as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Fence, page
from tests.docs.test_examples import check_block, is_runnable

GUIDE = page("docs/plugins.md")
PACKAGES = {
    "Using plugins": "occystrap-filter-example",
    "A filter": "occystrap-filter-example",
    "An input": "occystrap-input-example",
    "A rule": "occystrap-check-example",
    "A verifier": "occystrap-verifier-example",
    "An output": "occystrap-output-example",
}
SHOWN = [fence for fence in GUIDE.fences() if fence.caption]


def install(package: str, site: Path) -> None:
    """As an installer would, from the files that the page shows."""
    for fence in SHOWN:
        owner, _, name = fence.caption.partition("/")
        if owner == package and name.endswith(".py"):
            path = site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(fence.text)
    [declared] = [tomllib.loads(each.text) for each in SHOWN if each.caption == f"{package}/pyproject.toml"]
    project = declared["project"]
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, offers in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {module}" for name, module in offers.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


@pytest.mark.parametrize("fence", SHOWN, ids=lambda each: each.caption)
def test_what_the_page_shows_is_what_the_repository_has(fence: Fence) -> None:
    assert fence.text == (ROOT / "plugins" / fence.caption).read_text()


def test_the_packages_are_shown_whole() -> None:
    shown = {fence.caption for fence in SHOWN}
    for package in set(PACKAGES.values()):
        files = {str(path.relative_to(ROOT / "plugins")) for path in (ROOT / "plugins" / package).rglob("*.py")}
        needed = {name for name in files if not name.endswith("__init__.py") and "/tests/" not in name}
        assert needed | {f"{package}/pyproject.toml"} <= shown


@pytest.mark.parametrize("heading", PACKAGES)
def test_its_examples_print_what_the_page_says(heading: str, desk: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    install(PACKAGES[heading], site)
    section = GUIDE.section(heading)
    blocks = [fence for fence in GUIDE.fences() if fence.language == "console" and fence.text in section]
    assert any(is_runnable(fence) for fence in blocks)
    for fence in filter(is_runnable, blocks):
        check_block(fence, desk, extra={"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"})


def complete_programs() -> list[Fence]:
    """The blocks that begin with an import and are no file of a package."""
    python = [fence for fence in GUIDE.fences() if fence.language == "python" and not fence.caption]
    return [fence for fence in python if re.match(r"(from|import) ", fence.text)]


@pytest.mark.parametrize("fence", complete_programs(), ids=lambda each: each.where)
def test_its_programs_run(fence: Fence, tmp_path: Path) -> None:
    for package in sorted(set(PACKAGES.values())):
        install(package, tmp_path)
    call_tests = "\nfor name, value in list(globals().items()):\n    if name.startswith('test_'):\n        value()\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", fence.text + call_tests],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_programs() -> None:
    assert len(complete_programs()) == 5
