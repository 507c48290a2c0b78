"""A folder on sys.path into which distributions are put as an installer would."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.entry_points import scan
from occystrap_core.discovery.index import Index
from occystrap_core.discovery.manager import Plugins
from occystrap_core.discovery.policy import Policy

LONG_AGO = 1_700_000_000


@dataclass
class Site:
    folder: Path
    warnings: list[str] = field(default_factory=list)

    def install(
        self, name: str, version: str = "1.0", *, offers: Mapping[str, Mapping[str, str]], **modules: str
    ) -> Path:
        """A distribution that offers {kind: {name: module}} and brings `modules`."""
        metadata = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nName: no\n")
        write_entry_points(metadata, offers)
        for module, source in modules.items():
            (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
        return metadata

    def remove(self, metadata: Path) -> None:
        shutil.rmtree(metadata)

    def settle(self) -> None:
        """Long ago, as far as modification times tell: an index of it may be kept."""
        for path in [self.folder, *self.folder.rglob("*")]:
            os.utime(path, (LONG_AGO, LONG_AGO))

    def catalog(self, policy: Policy | None = None) -> Catalog:
        return Catalog(Index(scan(sys.path), {}), policy or Policy())

    def plugins(self, policy: Policy | None = None, *, strict: bool = False) -> Plugins:
        return Plugins(self.catalog(policy), strict=strict, warn=self.warnings.append)


def write_entry_points(metadata: Path, offers: Mapping[str, Mapping[str, str]]) -> None:
    lines = []
    for kind, names in offers.items():
        lines += [f"[occystrap.{kind}]", *(f"{name} = {module}" for name, module in names.items()), ""]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(folder) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
