"""An image whose layers hide, replace and link."""

from __future__ import annotations

from pathlib import Path

import pytest

from occystrap_core.testing.build import (
    BuiltImage,
    build_image,
    device,
    directory,
    fifo,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from tests.cli.conftest import Run, quiet_surroundings, run
from tests.end_to_end.images import write_layout

__all__ = ["Run", "quiet_surroundings", "run"]

BASE = layer_tar(
    directory("etc/"),
    file("etc/passwd", "root:x:0:0\n", mode=0o640, uid=3, gid=4),
    file("etc/gone", "secret one\n"),
    file("etc/again", "first\n"),
    file("etc/original", "old\n"),
    directory("opt/app/"),
    file("opt/app/one", "1"),
    file("opt/app/two", "22"),
    symlink("bin", "usr/bin"),
    file("usr/bin/sh", "#!shell\n", mode=0o755),
    symlink("usr/bin/loop", "loop"),
    symlink("usr/bin/up", "../../etc/passwd"),
    symlink("usr/bin/away", "/../../etc/again"),
    symlink("dangling", "nowhere"),
    fifo("run/pipe"),
    device("dev/null", 1, 3),
)
MIDDLE = layer_tar(
    whiteout("etc/gone"),
    file("etc/again", "second\n"),
    hardlink("etc/name", "etc/original"),
    file("./usr/lib/é", "x"),
)
TOP = layer_tar(
    opaque("opt/app"),
    file("opt/app/three", "333"),
    file("etc/original", "new, not what etc/name is\n"),
    file("etc/gone", "secret two\n"),
    file("etc/twice", "earlier\n"),
    file("etc/twice", "later\n"),
)


@pytest.fixture
def image() -> BuiltImage:
    return build_image([BASE, MIDDLE, TOP])


@pytest.fixture
def source(tmp_path: Path, image: BuiltImage) -> str:
    return write_layout(tmp_path / "layout", image)
