"""Who offers what: the `entry_points.txt` of everything installed, read without importing it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

PREFIX = "occystrap."
_METADATA_DIRS = (".dist-info", ".egg-info")


class Row(NamedTuple):
    """One entry point. A named tuple: it is made before every `--help`, and goes to JSON as it is."""

    group: str
    name: str
    module: str
    distribution: str
    version: str

    @property
    def kind(self) -> str:
        """The group without its prefix: inputs, outputs, filters, checks, verifiers, commands."""
        return self.group.removeprefix(PREFIX)

    @property
    def provider(self) -> str:
        return f"{self.distribution} {self.version}".strip()


class Stamp(NamedTuple):
    """When something last changed. The change time is there for files whose mtime was set by hand."""

    path: str
    modified: int
    changed: int

    @classmethod
    def of(cls, path: str) -> Stamp:
        """The stamp of `path` as it is now; zeros where there is nothing."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return cls(path, 0, 0)
        return cls(path, found.st_mtime_ns, found.st_ctime_ns)


class Scan(NamedTuple):
    """What was found, and the stamps of everything whose change could change it."""

    rows: tuple[Row, ...]
    stamps: tuple[Stamp, ...]


def scan(path: Iterable[str]) -> Scan:
    """Read the entry points of every distribution on `path`; of two copies the first one counts."""
    rows: list[Row] = []
    stamps: list[Stamp] = []
    seen: set[str] = set()
    for folder in dict.fromkeys(os.path.abspath(part) for part in path):
        stamps.append(Stamp.of(folder))
        for metadata in _metadata_dirs(folder):
            found = _read(metadata)
            stamps.extend(found.stamps)
            name = distribution_name(_stem(metadata)[0])
            if name not in seen:
                seen.add(name)
                rows.extend(found.rows)
    return Scan(tuple(sorted(rows)), tuple(stamps))


def distribution_name(text: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return "-".join(part for part in text.strip().lower().replace("_", "-").replace(".", "-").split("-") if part)


def plugin_name(text: str) -> str:
    """The one spelling of a scheme, filter or command: case and `_` make no difference."""
    return text.strip().lower().replace("_", "-")


def _metadata_dirs(folder: str) -> list[str]:
    """What pip is about to remove, or was when it was killed, begins with a tilde."""
    try:
        found = os.listdir(folder)
        names = sorted(name for name in found if name.endswith(_METADATA_DIRS) and not name.startswith("~"))
    except (OSError, ValueError):
        return []
    return [os.path.join(folder, name) for name in names]


def _read(folder: str) -> Scan:
    """What one distribution offers."""
    # Stamps are taken before reading, so that a change in between is seen by the next run.
    stamps = [Stamp.of(folder)]
    listing = os.path.join(folder, "entry_points.txt")
    stamp = Stamp.of(listing)
    if not stamp.changed:
        return Scan((), tuple(stamps))
    stamps.append(stamp)
    text = _text(listing)
    if PREFIX not in text:
        return Scan((), tuple(stamps))
    about = [os.path.join(folder, name) for name in ("METADATA", "PKG-INFO")]
    stamps.extend(map(Stamp.of, about))
    distribution, version = _identity(folder, _text(about[0]) or _text(about[1]))
    offers = {(group, plugin_name(name)): module for group, name, module in parse(text)}
    rows = (Row(group, name, module, distribution, version) for (group, name), module in offers.items())
    return Scan(tuple(rows), tuple(stamps))


def parse(text: str) -> Iterator[tuple[str, str, str]]:
    """The (group, name, module) of every Occystrap entry point in the text of an `entry_points.txt`."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group.startswith(PREFIX) and not line.startswith(("#", ";")):
            name, equals, module = line.partition("=")
            if equals and name.strip() and module.strip():
                yield group, name.strip(), module.partition("[")[0].strip()


def _identity(folder: str, about: str) -> tuple[str, str]:
    """Name and version as the distribution tells them, or else as its folder is called."""
    told = dict(zip(("name", "version"), _stem(folder), strict=True))
    for line in about.splitlines():
        if not line.strip():
            break
        key, _, value = line.partition(":")
        if key.lower() in told:
            told[key.lower()] = value.strip()
    return distribution_name(told["name"]), told["version"]


def _stem(folder: str) -> tuple[str, str]:
    """`acme_reverse-1.0.dist-info` without its suffix, cut at the version."""
    name, _, version = os.path.basename(folder).rpartition(".")[0].partition("-")
    return name, version


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
