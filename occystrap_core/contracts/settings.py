"""What the global options say, for every plugin to read."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from occystrap_core.model.media_types import Compression
from occystrap_core.model.platform import Platform
from occystrap_core.model.value import value

DEFAULT_PLATFORM = Platform("linux", "amd64")


@value
class Settings:
    """A per-URI option of the same name wins over these.

    `as_found` is said by `check`: the image is to be judged, not moved. An input that would refuse a
    broken image then hands over what there is, and refuses only what it cannot tell from no image.
    """

    platform: Platform = DEFAULT_PLATFORM
    username: str = ""
    password: str = field(default="", repr=False)
    insecure: bool = False
    compression: Compression | None = None
    parallel: int = 4
    retries: int = 3
    rate_limit: float | None = None
    temp_dir: Path | None = None
    as_found: bool = False
