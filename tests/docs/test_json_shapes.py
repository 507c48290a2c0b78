"""docs/json.md names every key of the JSON results, and no other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.cli import process_report
from occystrap_core.contracts.finding import Finding, Severity, Where
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import build_artifact, build_image, build_index, build_layer, layer_tar, whiteout
from tests.cli.conftest import Ran, quiet_surroundings, run
from tests.docs.pages import page, table_rows
from tests.end_to_end.images import write_layout

__all__ = ["quiet_surroundings", "run"]

Run = Callable[..., Ran]
OPEN = (
    "details.", "filters[].data", "plugins[].options[].default", "labels.", "annotations.", "healthcheck.",
    "layers[].annotations.", "platforms[].annotations.", "referrers[].annotations.", "entries[].xattrs.",
)  # fmt: skip
"""Below these a plugin or an image says what it likes."""

TYPES = {
    "number": (int, float),
    "text": (str,),
    "true or false": (bool,),
    "object": (dict,),
    "list": (list,),
    "list of texts": (list,),
    "any": (object,),
}


def documented(heading: str) -> dict[str, str]:
    """Key and type, of every table of a section."""
    return {
        cells[0].strip("`"): cells[1]
        for cells in table_rows(page("docs/json.md").section(heading))
        if cells[0].startswith("`")
    }


def keys_of(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if path and not path.startswith(OPEN):
        yield path, value
    if isinstance(value, dict) and not path.startswith("filters[].data"):
        for key, below in value.items():
            yield from keys_of(below, f"{path}.{key}" if path else key)
    if isinstance(value, list):
        for each in value:
            if isinstance(each, dict):
                for key, below in each.items():
                    yield from keys_of(below, f"{path}[].{key}")


def check(heading: str, *results: Any) -> None:
    promised = {key: kind for key, kind in documented(heading).items() if key != "filters[].data"}
    seen: set[str] = set()
    for result in results:
        assert result["version"] == 1
        for key, value in keys_of(result):
            seen.add(key)
            assert key in promised, f"{key} is not documented"
            kinds = [TYPES[kind] for kind in promised[key].removesuffix(" or null").split(" | ")]
            if value is not None or not promised[key].endswith("or null"):
                assert isinstance(value, tuple(kind for each in kinds for kind in each)), f"{key} is {value!r}"
    assert promised.keys() - OPEN == seen - set(OPEN)


def every_finding() -> list[dict[str, Any]]:
    where = Where(index="sha256:1", manifest="sha256:2", layer=0, entry="etc/passwd")
    return [process_report._finding(Finding("verify.layer", Severity.ERROR, "it is gone", where, "write it again"))]


def test_process(run: Run, tmp_path: Path) -> None:
    plain = run("process", "sample://", f"tar://{tmp_path}/a.tar", "-q", "-O", "json", "--check",
                "-f", "exclude:pattern=etc", "-f", "search:pattern=passwd",
                "-f", f"inspect:file={tmp_path}/lines")  # fmt: skip
    unverified = run("process", f"tar://{tmp_path}/a.tar", f"ocidir://{tmp_path}/i", "-q", "-O", "json", "--no-verify")
    several = run("process", "sample://?platforms=linux/amd64,linux/arm64", f"ocidir://{tmp_path}/i:2", "-q", "-O",
                  "json", "--all-platforms", "--verify-full")  # fmt: skip
    results = [json.loads(each.out) for each in (plain, unverified, several)]
    results[0]["verification"]["findings"] = every_finding()
    where = {"index": "sha256:1", "manifest": "sha256:2", "layer": 0, "entry": "etc/passwd"}
    results[0]["check"]["results"][0] |= {"where": where, "places": [{"layer": 0, "entry": "etc/passwd"}]}
    check("process", *results)


@pytest.mark.parametrize(
    ("spec", "keys"),
    [("search:pattern=etc/passwd", {"pattern", "matches"}), ("inspect:file={}/lines", {"file", "images"})],
)
def test_what_filters_report(spec: str, keys: set[str], run: Run, tmp_path: Path) -> None:
    done = run("process", "sample://", f"tar://{tmp_path}/a.tar", "-q", "-O", "json", "-f", spec.format(tmp_path))
    [report] = json.loads(done.out)["filters"]
    assert report["data"].keys() == keys
    section = page("docs/json.md").section("filters")
    every = keys | {key for match in report["data"].get("matches", []) for key in match}
    assert all(key in section for key in every)


def test_plugins_list(run: Run) -> None:
    check("plugins list", json.loads(run("plugins", "list", "-O", "json").out))


def test_plugins_info(run: Run) -> None:
    results = [json.loads(run("plugins", "info", name, "-O", "json").out) for name in ("tar", "registry", "exclude")]
    check("plugins info", *results)


def test_info(run: Run, tmp_path: Path) -> None:
    layer = build_layer(layer_tar(("a", "b")), extra={"annotations": {"note": "kept"}})
    settings = {"config": {"Cmd": ["a"], "Healthcheck": {"Test": ["CMD", "true"]}, "Labels": {"a": "b"}}}
    image = build_image([layer], config=settings, manifest={"annotations": {"note": "kept"}})
    listed = write_layout(tmp_path / "index", build_index([image], attest=True))
    thing = write_layout(tmp_path / "thing", build_artifact({"text/plain": b"x"}))
    asked = [(listed,), (listed, "--sizes"), (thing,), ("sample://",)]
    told = [json.loads(run("info", *arguments, "-O", "json").out) for arguments in asked]
    check("info", *told, *_with_something_broken(run, tmp_path))


def _with_something_broken(run: Run, folder: Path) -> list[Any]:
    """A layer that is damaged, and one image of two that is not there."""
    lost = build_image([layer_tar(("c", "d"))], platform=Platform("linux", "arm64"))
    damaged = build_image([layer_tar(("a", "b"))])
    source = write_layout(folder / "broken", build_index([damaged, lost]))
    blobs = folder / "broken/blobs/sha256"
    (blobs / lost.root.digest.hex).unlink()
    (blobs / damaged.layers[0].descriptor.digest.hex).write_bytes(b"")
    return list(json.loads(run("info", source, "--all-platforms", "--sizes", "-O", "json").out))


def test_search(run: Run, tmp_path: Path) -> None:
    layers = [layer_tar(("a", "1"), ("b", "2")), layer_tar(("a", "3"), whiteout("b"))]
    source = write_layout(tmp_path / "layout", build_image(layers))
    asked = [("*",), ("a", "--regex", "--merged"), ("--content", "1")]
    check("search", *(json.loads(run("search", source, *arguments, "-O", "json").out) for arguments in asked))


def test_ls(run: Run) -> None:
    check("ls", json.loads(run("ls", "sample://", "-R", "-O", "json").out))
