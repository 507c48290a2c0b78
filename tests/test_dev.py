"""The `dev` script: what it does before there is anything but Python."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
import sys

import pytest

from tests.peers import REPOSITORY_ROOT

SCRIPT = REPOSITORY_ROOT / "dev"


@pytest.fixture
def dev(monkeypatch):
    """The script as a module; it leaves no bytecode beside itself."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("dev", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("dev", loader))
    loader.exec_module(module)
    return module


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("nonsense",), 2), (("--help",), 0)])
def test_it_says_what_it_can_do(arguments, code):
    done = run(*arguments)
    assert done.returncode == code
    assert "./dev demo" in done.stdout


def test_it_needs_nothing_but_the_standard_library():
    done = subprocess.run([sys.executable, "-I", "-S", SCRIPT, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_python_without_venv_is_told_what_to_install_where_we_may_not(dev, monkeypatch):
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match=r"On Debian: apt install python3\.\d+-venv"):
        dev.make_venv()


def test_what_is_installed_once_is_not_installed_again(dev, tmp_path, monkeypatch):
    monkeypatch.setattr(dev, "VENV", tmp_path)
    (tmp_path / "installed-dev").write_text(dev.fingerprint())
    monkeypatch.setattr(dev, "run", lambda *command: pytest.fail("nothing needs to run"))
    dev.set_up("dev")


def test_another_pyproject_means_another_installation(dev, tmp_path, monkeypatch):
    before = dev.fingerprint()
    (tmp_path / "occystrap_core").mkdir()
    (tmp_path / "occystrap_core" / "_version.py").write_bytes(
        (REPOSITORY_ROOT / "occystrap_core" / "_version.py").read_bytes()
    )
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    assert dev.fingerprint() != before
