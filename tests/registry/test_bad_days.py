"""Whole runs between registries that have a bad day."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from occystrap_core.testing.build import BuiltIndex, build_image, build_index, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry, Fault, TokenGate
from tests import peers

RunCli = Callable[..., peers.Result]
NOISE = random.Random(3)


@pytest.fixture
def other() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture
def index() -> BuiltIndex:
    images = [build_image([layer_tar((f"data-{n}", NOISE.randbytes(700_000))) for n in range(3)]) for _ in range(2)]
    return build_index(images)


def copy(run_cli: RunCli, source: EmbeddedRegistry, target: EmbeddedRegistry, *options: str) -> peers.Result:
    uris = f"registry://ann:secret@{source.host}/team/app:v1", f"registry://{target.host}/copy/app:v1"
    return run_cli("--all-platforms", "--retries", "4", *options, "process", *uris)


def test_everything_that_can_be_survived_is_survived(
    embedded: EmbeddedRegistry, other: EmbeddedRegistry, index: BuiltIndex, run_cli: RunCli
) -> None:
    embedded.add(index, "team/app", "v1")
    embedded.gate = TokenGate(users={"ann": "secret"}, uses=3, key="access_token")
    embedded.fail(Fault("GET", "/manifests/", status=503))
    embedded.fail(Fault("GET", "/blobs/", status=429, headers={"Retry-After": "1"}))
    embedded.fail(Fault("GET", "/blobs/", cut_after=300_000, reset=True, times=2))
    embedded.fail(Fault("GET", "/blobs/", cut_after=400_000))
    other.fail(Fault("POST", "/uploads/", status=502))
    other.fail(Fault("PUT", "/uploads/", read_only=200_000))
    other.fail(Fault("PUT", "/uploads/", status=500))
    other.fail(Fault("PUT", "/uploads/", after_work=True))
    other.fail(Fault("PUT", "/manifests/", after_work=True, status=504))
    done = copy(run_cli, embedded, other, "--verify-full")
    assert done.returncode == 0, done.stderr
    assert "verified OK" in done.stderr and "1 rate limits" in done.stderr
    copied = other.store.repository("copy/app")
    assert copied.tags == {"v1": str(index.root.digest)}
    for digest, blob in index.blobs.items():
        assert copied.blobs[str(digest)] == blob


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault("GET", "/blobs/", flip=5000, times=None), "source: "),
        (Fault("GET", "/blobs/", cut_after=5000, times=None), "source: "),
        (Fault("GET", "/manifests/v1", status=500, times=None), "source: "),
        (Fault("PUT", "/uploads/", status=507, times=None), "destination: "),
        (Fault("PUT", "/manifests/sha256", status=413, times=None), "destination: "),
        (Fault("POST", "/uploads/", status=403, body=b"read only"), "destination: "),
    ],
)
def test_what_cannot_be_survived_leaves_no_tag(
    embedded: EmbeddedRegistry, other: EmbeddedRegistry, index: BuiltIndex, run_cli: RunCli, fault: Fault, says: str
) -> None:
    embedded.add(index, "team/app", "v1")
    (embedded if fault.method == "GET" else other).fail(fault)
    done = copy(run_cli, embedded, other, "--retries", "1")
    assert done.returncode == 3
    assert says in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr and "secret" not in done.stderr
    assert not other.store.repository("copy/app").tags
