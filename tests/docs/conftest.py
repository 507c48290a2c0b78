"""Examples run in folders of their own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An empty folder to work in, with nothing of whoever runs the tests around it."""
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder
