"""The command line, run in this process: its exit code, stdout and stderr."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from occystrap_core.cli.entry import main
from tests.discovery.conftest import Site, site

__all__ = ["Site", "site"]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def quiet_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration, plugins or cache of whoever runs the tests."""
    for name in ("PLUGINS", "USERNAME", "PASSWORD", "COMPRESSION", "PARALLEL", "RETRIES", "VERIFY", "VERIFY_FULL"):
        monkeypatch.delenv(f"OCCYSTRAP_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("OCCYSTRAP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def run_in_process(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    yield run_in_process
    gc.enable()
    for number, handler in handlers.items():
        signal.signal(number, handler)
