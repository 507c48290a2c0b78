"""The registry on loopback, and the tools that are measured beside us."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EXISTING = "occystrap==0.4.17"

_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: 127.0.0.1:{port}}}
"""


@dataclass(frozen=True, slots=True)
class Peers:
    """Paths of the tools that are here; None for one that is missing."""

    registry: Path | None
    skopeo: Path | None
    curl: Path | None
    existing: Path | None

    @property
    def missing(self) -> list[str]:
        found = {"docker-registry": self.registry, "skopeo": self.skopeo, "curl": self.curl, EXISTING: self.existing}
        return [name for name, path in found.items() if path is None]


def find_peers(work: Path, *, with_existing: bool) -> Peers:
    return Peers(
        _which("docker-registry"), _which("skopeo"), _which("curl"), _existing(work) if with_existing else None
    )


def _which(name: str) -> Path | None:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/bin:/usr/local/bin")
    return Path(found) if found else None


def _existing(work: Path) -> Path | None:
    """The tool of today's users, in an environment of its own."""
    folder = work / "existing"
    program = folder / "bin" / "occystrap"
    if not program.exists():
        venv.create(folder, with_pip=True)
        installed = subprocess.run([folder / "bin/pip", "install", "-q", EXISTING], check=False)
        if installed.returncode:
            print(f"  {EXISTING} cannot be installed here", file=sys.stderr)
            return None
    return program


@contextlib.contextmanager
def running_registry(program: Path, root: Path) -> Iterator[str]:
    """A real registry on a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root.mkdir(parents=True, exist_ok=True)
    config = root.parent / f"{root.name}.yml"
    config.write_text(_CONFIG.format(root=root, port=port))
    process = subprocess.Popen([program, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{port}/v2/")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")
