"""What a start imports. Ratios to a bare interpreter are measured and told, but only a gross excess fails."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from occystrap_core.cli.entry import main
from tests.discovery.conftest import LONG_AGO

HEAVY = {
    "asyncio", "concurrent.futures", "email", "httpx", "importlib.metadata", "isal", "logging", "pathlib",
    "pluggy", "prettytable", "ssl", "stevedore", "tqdm", "zstandard",
    "occystrap_core.contracts", "occystrap_core.engine", "occystrap_core.streams", "occystrap_core.cli.process",
}  # fmt: skip
_PROBE = """
import sys
from occystrap_core.cli.entry import main
code = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


def imported_by(probe: str, *arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-I", "-c", probe, *arguments], capture_output=True, check=True, text=True)
    return set(done.stderr.splitlines()[-1].split())


def test_version_imports_next_to_nothing() -> None:
    modules = imported_by(_PROBE, "--version")
    assert not modules & (HEAVY | {"click", "re", "json", "typing", "dataclasses"})
    assert {name for name in modules if name.startswith("occystrap")} == {
        "occystrap_core", "occystrap_core._version", "occystrap_core.cli", "occystrap_core.cli.entry",
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ()])
def test_help_imports_no_plugin_and_nothing_heavy(arguments: tuple[str, ...]) -> None:
    # A stand-in for the index file, which right after an installation cannot be kept yet.
    known = "from occystrap_core.discovery.index import Index; Index.summary = lambda *_: 'known'"
    probe = _PROBE.replace("code = main", f"{known}; code = main").replace("sys.exit(code)", "")
    assert not imported_by(probe, *arguments) & HEAVY


def test_help_learns_summaries_from_plugins_once(
    tmp_path: Path, make_site: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run asks the plugin of a command, the second one the index; both without stevedore."""
    script = tmp_path / "probe.py"
    site = make_site()
    script.write_text(
        # Only the path of this test, and a clock that is far ahead, so that the index may be kept.
        f"import sys, time; sys.path.insert(0, {str(site)!r}); sys.path.remove({str(tmp_path)!r})\n"
        "real = time.time_ns; time.time_ns = lambda: real() + 10**11\n" + _PROBE
    )

    def modules() -> set[str]:
        done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, check=True, text=True)
        assert re.search(r"^  sign +put a signature on it$", done.stdout, re.MULTILINE)
        return set(done.stderr.splitlines()[-1].split())

    # The bytecode that a first run writes may change the folders that the index looks at.
    first, _, second = modules(), modules(), modules()
    assert {"pluggy", "acme_sign"} <= first
    assert first.isdisjoint({"stevedore", "importlib.metadata", "httpx", "acme_work"})
    assert not second & (HEAVY | {"acme_sign"})


READS_LAYERS = {
    "concurrent.futures", "ctypes", "difflib", "isal", "tomllib", "zlib_ng", "zstandard",
    "occystrap_core.engine.layer_scan", "occystrap_core.engine.merged_view", "occystrap_core.streams.tar",
}  # fmt: skip
_OF_DOCUMENTS = """
import gc, sys
from occystrap_core.cli.entry import main
sys.argv[0] = "occystrap"
before = gc.get_stats()[0]["collections"]
code = main()
assert gc.get_stats()[0]["collections"] - before < 2, "garbage was searched for"
import dataclasses
ours = [vars(module) for name, module in sys.modules.items() if name.startswith("occystrap_core")]
classes = {each for names in ours for each in names.values() if isinstance(each, type)}
frozen = [each for each in classes if dataclasses.is_dataclass(each) and each.__dataclass_params__.frozen]
slow = [each for each in frozen if not hasattr(each, "_compared")]
assert not slow, f"not made by occystrap_core.model.value: {slow}"
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = f"ocidir://{tmp_path_factory.mktemp('layout')}"
    assert main(["--quiet", "process", "sample://?layers=1&files=1&size=1", made]) == 0
    return made


@pytest.mark.parametrize("command", [("info",), ("check", "--fast")])
def test_a_look_at_documents_loads_nothing_that_reads_layers(command: tuple[str, ...], layout: str) -> None:
    assert not imported_by(_OF_DOCUMENTS, *command, layout) & READS_LAYERS


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[[], Path]:
    def make() -> Path:
        folder = tmp_path / "site"
        metadata = folder / "acme_sign-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Name: acme-sign\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[occystrap.commands]\nsign = acme_sign\n")
        (folder / "acme_sign.py").write_text(
            "from occystrap_core.contracts import CommandSpec, hookimpl\n"
            "@hookimpl\n"
            "def occystrap_commands():\n"
            "    yield CommandSpec('sign', 'put a signature on it', 'acme_work:sign')\n"
        )
        for path in (metadata / "entry_points.txt", metadata, folder / "acme_sign.py", folder):
            os.utime(path, (LONG_AGO, LONG_AGO))
        return folder

    return make


def test_start_up_is_a_small_multiple_of_a_bare_interpreter(
    tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    start = "import re, sys; from occystrap_core.cli.entry import main; sys.exit(main(sys.argv[1:]))"
    bare = _cpu_seconds(["-c", "pass"], env)
    ratios = {name: _cpu_seconds(["-c", start, name], env) / bare for name in ("--version", "--help")}
    for name, ratio in ratios.items():
        record_testsuite_property(f"start-up {name}", f"{ratio:.2f} x bare python")
        print(f"{name}: {ratio:.2f} x bare python")
    assert ratios["--version"] < 4
    assert ratios["--help"] < 12


def _cpu_seconds(arguments: list[str], env: dict[str, str], runs: int = 6) -> float:
    """The least of several runs; CPU time, because other work on the machine makes wall time useless."""
    seconds = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], env=env, check=True, stdout=subprocess.DEVNULL, cwd="/")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)
