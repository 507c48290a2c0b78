"""What the documents of an image may hold."""

from __future__ import annotations

import pytest

from occystrap_core.contracts.settings import DEFAULT_PLATFORM
from occystrap_core.engine import documents
from occystrap_core.engine.selection import Selection
from occystrap_core.engine.source_tree import read_tree
from occystrap_core.model.errors import LimitExceeded
from occystrap_core.testing.build import build_image, file, layer_tar
from occystrap_core.testing.memory import MemoryInput


def test_layers_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    image = build_image([layer_tar(file("x"))] * 4)
    selection = Selection((DEFAULT_PLATFORM,))
    monkeypatch.setattr(documents, "MAX_LAYERS", 4)
    assert read_tree(MemoryInput(image), selection)[0].descriptor
    monkeypatch.setattr(documents, "MAX_LAYERS", 3)
    with pytest.raises(LimitExceeded, match="has 4 layers; the limit is 3"):
        read_tree(MemoryInput(image), selection)
