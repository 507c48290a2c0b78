"""Images into bundles, and containers out of them, in a line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM, Settings
from occystrap_core.contracts.verifier import Depth
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.process import process
from occystrap_core.engine.selection import Selection
from occystrap_core.testing.build import BuiltImage, build_image, file, layer_tar, symlink
from occystrap_core.testing.layers import Member
from occystrap_core.testing.memory import MemoryInput
from occystrap_outputs.oci.verifier import BundleVerifier
from tests import peers
from tests.builtins.parts import open_destination

_TOOLS = ("sh", "cat", "id", "touch", "hostname", "ls", "rm", "mkdir", "ln")


def image(*layers: Sequence[Member] | bytes, **settings: Any) -> BuiltImage:
    """`settings` are those of the image config's own `config` object."""
    tars = [layer if isinstance(layer, bytes) else layer_tar(*layer) for layer in layers]
    return build_image(tars, config={"config": settings})


def bundle(source: BuiltImage | MemoryInput, target: Path, query: str = "", **request: Any) -> Outcome:
    """Write a bundle as the command line does, verified in full."""
    opened = source if isinstance(source, MemoryInput) else MemoryInput(source)
    options = {"depth": Depth.FULL, "verifiers": (("oci", BundleVerifier()),), "settings": Settings(), **request}
    return process(
        Request(
            opened,
            lambda context: open_destination(f"oci://{target}{query}"),
            Selection((DEFAULT_PLATFORM,)),
            progress=Silent(),
            **options,
        )
    )


def runtime_config(target: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((target / "config.json").read_bytes())
    return found


def small_system() -> list[Member]:
    """A shell and a few tools of this machine, with what they are linked to."""
    peers.require("ldd", "runc", *_TOOLS)
    tools = [shutil.which(tool) or "" for tool in _TOOLS]
    libraries = {Path(found) for tool in tools for found in re.findall(r"(/\S+) \(0x", _ldd(tool))}
    members: list[Member] = [("usr/bin/", ""), symlink("bin", "usr/bin")]
    members += [file(f"bin/{Path(tool).name}", Path(tool).read_bytes(), mode=0o755) for tool in tools]
    members += [file(str(found)[1:], found.read_bytes(), mode=0o755) for found in sorted(libraries)]
    return members


def _ldd(tool: str) -> str:
    return subprocess.run(["ldd", tool], capture_output=True, text=True, check=True).stdout


def run(target: Path, *, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Start the bundle's container and wait for its end."""
    peers.require("runc")
    peers.require_root("runc")
    name = f"occystrap-{uuid.uuid4().hex[:8]}"
    try:
        return subprocess.run(
            ["runc", "run", "--bundle", str(target), name],
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
    finally:
        subprocess.run(["runc", "delete", "--force", name], capture_output=True)
