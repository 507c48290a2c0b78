"""Broken docker-save archives, packed and unpacked: findings by the rules about what is broken."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.model.digest import Digest
from occystrap_core.testing.build import directory, file, layer_tar
from tests.checks.command import run_here

ONE = layer_tar(directory("etc"), file("etc/motd", "hello"))
TWO = layer_tar(directory("srv"), file("srv/page", "x" * 3000))
Files = dict[str, bytes]


def config_of(*layers: bytes, **fields: object) -> bytes:
    found: dict[str, Any] = {
        "created": "2023-05-01T12:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer)) for layer in layers]},
        "history": [{"created": "2023-05-01T12:00:00Z", "created_by": "COPY"} for _ in layers],
    }
    return json.dumps({**found, **fields}).encode()


def saved(config: bytes = config_of(ONE, TWO), name: str = "", **changes: object) -> Files:
    config_name = name or f"{Digest.of(config).hex}.json"
    entry = {"Config": config_name, "RepoTags": ["app:v1"], "Layers": ["one/layer.tar", "two/layer.tar"], **changes}
    files = {config_name: config, "one/layer.tar": ONE, "two/layer.tar": TWO}
    return {**files, "manifest.json": json.dumps([entry]).encode()}


def without(name: str, files: Files) -> Files:
    return {path: data for path, data in files.items() if path != name}


def rootfs(*diff_ids: object) -> Mapping[str, object]:
    return {"type": "layers", "diff_ids": list(diff_ids)}


RIGHT = [str(Digest.of(ONE)), str(Digest.of(TWO))]
WRONG = f"sha256:{'7' * 64}"
SOUND = saved()
BROKEN: dict[str, tuple[Callable[[], Files], str, str]] = {
    "a config that is no JSON": (lambda: saved(b"{not json"), "json-syntax", "is not JSON"),
    "a key twice": (
        lambda: saved(config_of(ONE, TWO).replace(b"{", b'{"os":"linux",', 1)),
        "json-duplicate-key",
        "'os' twice",
    ),
    "more layers than diff_ids": (
        lambda: saved(config_of(ONE)),
        "layer-count",
        "the manifest has 2 layers, the config 1 diff_id",
    ),
    "no rootfs": (lambda: saved(config_of(ONE, TWO, rootfs=None)), "layer-count", "0 diff_ids"),
    "a wrong diff_id": (
        lambda: saved(config_of(ONE, TWO, rootfs=rootfs(RIGHT[0], WRONG))),
        "diff-id",
        f"the layer is {RIGHT[1]} once inflated, the config says {WRONG}",
    ),
    "diff_ids in the wrong order": (lambda: saved(config_of(TWO, ONE)), "diff-id", "once inflated, the config says"),
    "one diff_id for two layers": (lambda: saved(config_of(ONE, ONE)), "diff-id", f"the layer is {RIGHT[1]} once"),
    "a diff_id that is none": (
        lambda: saved(config_of(ONE, TWO, rootfs=rootfs(RIGHT[0], "sha256:ABC"))),
        "",
        "sha256:ABC",
    ),
    "a config that its name does not name": (
        lambda: saved(name=f"{'0' * 64}.json"),
        "config-digest",
        f"the manifest says sha256:{'0' * 64}",
    ),
    "no config": (
        lambda: without(f"{Digest.of(config_of(ONE, TWO)).hex}.json", SOUND),
        "blob-missing",
        ".json', which manifest.json names as config",
    ),
    "no layer": (lambda: without("two/layer.tar", SOUND), "blob-missing", "two/layer.tar"),
    "a config of the wrong type": (lambda: saved(b"[]"), "json-syntax", "object"),
}


def judged(files: Files, at: Path, scheme: str, *options: str) -> tuple[int, list[dict[str, Any]]]:
    if scheme == "tar":
        with tarfile.open(at / "image.tar", "w") as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        uri = f"tar://{at}/image.tar"
    else:
        for name, data in files.items():
            (at / "image" / name).parent.mkdir(parents=True, exist_ok=True)
            (at / "image" / name).write_bytes(data)
        uri = f"dir://{at}/image"
    ran = run_here("check", uri, "-O", "json", *options)
    assert ran.stdout, ran.stderr
    return ran.returncode, [each for each in json.loads(ran.stdout)["results"] if each["severity"] == "error"]


@pytest.mark.parametrize("scheme", ["tar", "dir"])
@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_in_an_archive_is_a_finding(case: str, scheme: str, tmp_path: Path) -> None:
    make, rule, words = BROKEN[case]
    code, errors = judged(make(), tmp_path, scheme)
    told = {each["check"]: each["message"] for each in errors}
    assert code == 1
    assert any(words in each["message"] for each in errors), told
    assert not rule or rule in told, told
    assert "document-unreadable" not in told
    assert "blob-digest" not in told


@pytest.mark.parametrize("scheme", ["tar", "dir"])
def test_a_sound_archive_is_clean(scheme: str, tmp_path: Path) -> None:
    assert judged(SOUND, tmp_path, scheme) == (0, [])


@pytest.mark.parametrize("scheme", ["tar", "dir"])
@pytest.mark.parametrize("lost", ["two/layer.tar", f"{Digest.of(config_of(ONE, TWO)).hex}.json"])
def test_fast_finds_what_is_missing(lost: str, scheme: str, tmp_path: Path) -> None:
    code, errors = judged(without(lost, SOUND), tmp_path, scheme, "--fast")
    assert code == 1
    assert [lost in each["message"] for each in errors if each["check"] == "blob-missing"] == [True]


@pytest.mark.parametrize("case", ["a config that is no JSON", "a key twice", "a config that its name does not name"])
def test_findings_about_a_config_name_its_file(case: str, tmp_path: Path) -> None:
    make, rule, _ = BROKEN[case]
    [name] = [name for name in make() if name.endswith(".json") and name != "manifest.json"]
    _, errors = judged(make(), tmp_path, "tar")
    assert {each["where"]["entry"] for each in errors if each["check"] == rule} == {name}


def test_a_list_of_images_that_is_broken_is_a_finding_that_names_it(tmp_path: Path) -> None:
    for number, listed in enumerate([b"[]", b"{", b'[{"Config":1}]', b'[{"Config":"a","Config":"b"}]']):
        at = tmp_path / str(number)
        at.mkdir()
        code, [finding] = judged({**SOUND, "manifest.json": listed}, at, "tar")
        assert (code, finding["check"]) == (1, "document-unreadable")
        assert "manifest.json" in finding["message"]


def test_a_transfer_refuses_what_a_check_judges(tmp_path: Path) -> None:
    judged(saved(config_of(TWO, ONE)), tmp_path, "tar")
    moved = run_here("process", f"tar://{tmp_path}/image.tar", f"ocidir://{tmp_path}/moved:v1")
    assert moved.returncode == 3
    assert not (tmp_path / "moved").exists() or not (tmp_path / "moved" / "index.json").exists()
