"""What a sample image is made of, read from the options of its address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.settings import DEFAULT_PLATFORM
from occystrap_core.model.errors import OptionError, UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_inputs.sample.plugin import SampleOptions

MOST_LAYERS = 1000
MOST_FILES = 10_000_000
LARGEST_FILE = 1 << 40

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SIZE = re.compile(r"(\d{1,15})([kmg]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Recipe:
    name: ImageName
    layers: int
    files: int
    size: int
    seed: str
    family: Family
    compression: Compression
    platforms: tuple[Platform, ...]


def read_recipe(address: Address, options: SampleOptions) -> Recipe:
    return Recipe(
        name=_read_name(address.target),
        layers=_bounded("layers", options.layers, 1, MOST_LAYERS),
        files=_bounded("files", options.files, 0, MOST_FILES),
        size=_read_size(options.size),
        seed=options.seed,
        family=options.family,
        compression=options.compression or Compression.NONE,
        platforms=_read_platforms(options.platforms),
    )


def _read_name(target: str) -> ImageName:
    repository, _, tag = (target or "sample").partition(":")
    tag = tag or "latest"
    if not _NAME.fullmatch(repository) or not _TAG.fullmatch(tag):
        raise UsageError(f"{target[:80]!r} is not the name of an image", hint="for example sample://demo:latest")
    return ImageName(repository, tag)


def _bounded(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise OptionError(f"option {name!r}: {value} is not between {least} and {most}")
    return value


def _read_size(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise OptionError(f"option 'size': {text[:40]!r} is not a size", hint="write it as 4096, 64k, 10M or 1G")
    return _bounded("size", int(found[1]) * _UNITS[found[2].lower()], 0, LARGEST_FILE)


def _read_platforms(texts: tuple[str, ...]) -> tuple[Platform, ...]:
    platforms = tuple(Platform.parse(text) for text in texts) or (DEFAULT_PLATFORM,)
    if len(set(platforms)) != len(platforms):
        raise OptionError("option 'platforms': a platform is given twice")
    return platforms
