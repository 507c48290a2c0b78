"""Documents with something odd in every place: findings, never a failure of a rule or of the engine."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from occystrap_core.model.digest import Digest
from occystrap_core.testing.build import file
from occystrap_core.testing.memory import StoredImage
from tests.checks.broken import configured, document_rules, found, image, index
from tests.checks.rules import outcome

ODD: list[Any] = [
    None,
    True,
    -1,
    2**63,
    1.5,
    "",
    "\x1b[31m",
    "\ud800",
    "sha256:",
    [],
    [None],
    [[]],
    {},
    {"": 0},
    {"digest": []},
]
WHOLE = configured(
    file("etc/passwd", "root:x:0:0::/:/bin/sh"),
    Env=["A=b"], Cmd=["/bin/sh"], Entrypoint=["x"], User="root:root", WorkingDir="/srv", ExposedPorts={"80/tcp": {}},
    Volumes={"/data": {}}, Labels={"a": "b"}, OnBuild=["RUN x"], Healthcheck={"Test": ["CMD", "x"], "Interval": 1},
    ArgsEscaped=False, StopSignal="15",
)  # fmt: skip


def mutations(json_object: Any, odd: Any) -> Iterator[Any]:
    """The object with `odd` in the place of each of its values, one after the other."""
    for path in list(_places(json_object, ())):
        mutated = copy.deepcopy(json_object)
        holder = mutated
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = copy.deepcopy(odd)
        yield mutated


def _places(found_object: Any, above: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    keys = (
        found_object
        if isinstance(found_object, dict)
        else range(len(found_object))
        if isinstance(found_object, list)
        else ()
    )
    for key in keys:
        yield (*above, key)
        yield from _places(found_object[key], (*above, key))


def rewritten(manifest: Any, config: Any) -> StoredImage:
    config_raw = json.dumps(config).encode()
    if isinstance(manifest.get("config"), dict) and isinstance(manifest["config"].get("digest"), str):
        manifest = {
            **manifest,
            "config": {**manifest["config"], "digest": str(Digest.of(config_raw)), "size": len(config_raw)},
        }
    raw = json.dumps(manifest).encode()
    root = type(WHOLE.root)(WHOLE.root.media_type, Digest.of(raw), len(raw))
    return StoredImage(root, {Digest.of(raw): raw, Digest.of(config_raw): config_raw}, WHOLE.blobs)


def parts() -> tuple[Any, Any]:
    manifest = json.loads(WHOLE.documents[WHOLE.root.digest])
    manifest |= {"annotations": {"a": "b"}, "subject": dict(manifest["layers"][0])}
    manifest["layers"][0] |= {"annotations": {"c": "d"}, "urls": ["https://example.com"], "data": "e30="}
    config = next(json.loads(raw) for digest, raw in WHOLE.documents.items() if digest != WHOLE.root.digest)
    return manifest, config


def judged(content: StoredImage) -> None:
    for fast in (True, False):
        said = outcome(content, *document_rules(), fast=fast).findings
        assert not [each.message for each in said if "the rule itself failed" in each.message]
        assert all(each.message.isprintable() for each in said)


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_value_anywhere_in_a_manifest(odd: Any) -> None:
    manifest, config = parts()
    for mutated in mutations(manifest, odd):
        judged(rewritten(mutated, config))


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_value_anywhere_in_a_config(odd: Any) -> None:
    manifest, config = parts()
    for mutated in mutations(config, odd):
        judged(rewritten(manifest, mutated))


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_value_anywhere_in_an_index(odd: Any) -> None:
    base = image()
    whole = index([base], lambda json: json["manifests"][0].update(annotations={"a": "b"}, artifactType="x"))
    raw = json.loads(whole.documents[whole.root.digest])
    for mutated in mutations(raw, odd):
        judged(index([base], lambda json, mutated=mutated: (json.clear(), json.update(mutated))))  # type: ignore[misc]


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b'"x"', b"{", b"\xff", b"{}" * 2, b"[" * 100_000, b'{"layers":' * 5000]
)
def test_bytes_that_are_no_document(raw: bytes) -> None:
    root = type(WHOLE.root)(WHOLE.root.media_type, Digest.of(raw), len(raw))
    findings = found(StoredImage(root, {Digest.of(raw): raw}, {}))
    assert "json-syntax" in {each.check for each in findings}
