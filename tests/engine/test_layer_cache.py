"""The layer cache saves work and never a look: with it a run ends as it would without."""

from __future__ import annotations

from pathlib import Path

import pytest

from occystrap_core.engine.layer_cache import LayerCache
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import DigestMismatch, TransferError
from occystrap_core.testing.build import build_image, layer_tar
from occystrap_core.testing.memory import MemoryInput, MemoryOutput, MemoryStore
from tests.engine.runs import Touch, run

FILES = layer_tar(("etc/motd", "hello"))
IMAGE = build_image([FILES])


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def warm(tmp_path: Path, store: MemoryStore) -> Path:
    """A cache that knows what IMAGE's layer becomes, which `store` holds."""
    path = tmp_path / "cache.json"
    run(IMAGE, Touch(7), output=MemoryOutput(store), layer_cache=LayerCache(path))
    return path


def test_a_layer_it_knows_is_not_read(warm: Path, store: MemoryStore) -> None:
    source, output = MemoryInput(IMAGE), MemoryOutput(store)
    outcome = run(source, Touch(7), output=output, layer_cache=LayerCache(warm))
    (layer,) = outcome.images[0].layers
    assert layer.reused
    assert layer.changed
    assert source.reads == []


def test_a_config_that_lies_about_the_layer_is_refused_all_the_same(warm: Path, store: MemoryStore) -> None:
    lying = build_image([FILES], config={"rootfs": {"type": "layers", "diff_ids": [str(Digest.of(b"another"))]}})
    with pytest.raises(DigestMismatch, match="the image config says"):
        run(lying, Touch(7), output=MemoryOutput(store), layer_cache=LayerCache(warm))


def test_a_destination_that_cannot_be_asked_is_named(warm: Path, store: MemoryStore) -> None:
    class Mute(MemoryOutput):
        def holds(self, digest: Digest) -> int | None:
            raise TransferError("no answer")

    with pytest.raises(TransferError, match="^destination: no answer"):
        run(IMAGE, Touch(7), output=Mute(store), layer_cache=LayerCache(warm))
