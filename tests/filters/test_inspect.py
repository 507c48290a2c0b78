"""`-f inspect` adds a line about each image to a file and changes nothing."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.model.errors import OptionError, TransferError
from occystrap_core.model.image import ImageName
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import BuiltImage, build_image, build_index, file, layer_tar
from occystrap_filters.inspect.appended import append_lines
from tests.filters.driving import digest_of, filtered, opened

LAYERS = [layer_tar(file(name, name * 100, mtime=5)) for name in ("a", "b", "c")]
HISTORY: list[dict[str, Any]] = [
    {"created": "2021-01-01T00:00:00.123456789Z", "created_by": "one"},
    {"created": "2021-01-02T00:00:00Z", "created_by": "ENV x=y", "empty_layer": True},
    {"created": "2021-01-03T00:00:00+02:00", "created_by": "two", "comment": "noted"},
    {"created": "not a time", "created_by": "three"},
]


@pytest.fixture
def image() -> BuiltImage:
    return build_image(LAYERS, history=HISTORY)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_layers_are_told_newest_first_each_with_the_step_that_made_it(image: BuiltImage, tmp_path: Path) -> None:
    filtered(image, f"inspect:file={tmp_path / 'out'}")
    ids = [str(layer.descriptor.digest) for layer in image.layers]
    expected = {
        "layers": [
            {"Comment": "", "Created": 0, "CreatedBy": "three", "Id": ids[2], "Size": 2048, "Tags": ["sample:latest"]},
            {"Comment": "noted", "Created": 1609624800, "CreatedBy": "two", "Id": ids[1], "Size": 2048, "Tags": None},
            {"Comment": "", "Created": 1609459200, "CreatedBy": "one", "Id": ids[0], "Size": 2048, "Tags": None},
        ],
        "name": "sample:latest",
    }
    assert (tmp_path / "out").read_text() == json.dumps(expected, sort_keys=True) + "\n"


def test_the_image_arrives_as_it_is(image: BuiltImage, tmp_path: Path) -> None:
    assert filtered(image, f"inspect:file={tmp_path / 'out'}").outcome.receipt.root == image.root


def test_every_place_of_a_chain_tells_the_layers_as_they_are_there(image: BuiltImage, tmp_path: Path) -> None:
    stage = f"inspect:file={tmp_path / 'out'}"
    result = filtered(image, stage, "normalize-timestamps:ts=7", stage, "exclude:pattern=b", stage)
    built, normalized, final = ([layer["Id"] for layer in line["layers"]][::-1] for line in lines(tmp_path / "out"))
    assert built == [str(layer.descriptor.digest) for layer in image.layers]
    normal = [digest_of(layer_tar(file(name, name * 100, mtime=7))) for name in ("a", "b", "c")]
    assert normalized == normal
    assert final == [normal[0], digest_of(result.layers[1]), normal[2]] and final[1] != normal[1]
    assert [line["layers"][1]["Size"] for line in lines(tmp_path / "out")] == [2048, 2048, 1024]


def test_times_are_those_of_the_config_at_its_place(image: BuiltImage, tmp_path: Path) -> None:
    filtered(image, "normalize-timestamps:ts=7,config=true", f"inspect:file={tmp_path / 'out'}")
    assert [layer["Created"] for layer in lines(tmp_path / "out")[0]["layers"]] == [7, 7, 7]


@pytest.mark.parametrize("history", [[], HISTORY[:1], [{"created": 5, "created_by": None}]])
def test_a_layer_without_history_is_still_told(history: list[dict[str, Any]], tmp_path: Path) -> None:
    filtered(build_image(LAYERS, history=history), f"inspect:file={tmp_path / 'out'}")
    newest = lines(tmp_path / "out")[0]["layers"][0]
    assert (newest["Comment"], newest["Created"], newest["CreatedBy"]) == ("", 0, "")


def test_the_name_of_a_registry_is_left_out(image: BuiltImage, tmp_path: Path) -> None:
    name = ImageName("localhost:5000/team/app", "1")
    filtered(image, opened(f"inspect:file={tmp_path / 'out'}", name=name, origin=("localhost:5000", "team/app")))
    (line,) = lines(tmp_path / "out")
    assert (line["name"], line["layers"][0]["Tags"]) == ("team/app:1", ["team/app:1"])


def test_every_image_of_an_index_has_a_line(image: BuiltImage, tmp_path: Path) -> None:
    other = build_image(LAYERS[:1], platform=Platform("linux", "arm64"))
    filtered(build_index([image, other], attest=True), f"inspect:file={tmp_path / 'out'}")
    assert [len(line["layers"]) for line in lines(tmp_path / "out")] == [3, 1]


def test_lines_are_added_to_those_that_are_there(image: BuiltImage, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("{}\n")
    filtered(image, f"inspect:file={tmp_path / 'out'}")
    assert [len(line) for line in lines(tmp_path / "out")] == [0, 2]


def test_writers_at_the_same_time_do_not_mix_their_lines(tmp_path: Path) -> None:
    texts = [json.dumps({"number": number, "filler": "x" * 50_000}) for number in range(20)]
    threads = [threading.Thread(target=append_lines, args=(tmp_path / "out", [text])) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((tmp_path / "out").read_text().splitlines()) == sorted(texts)


def test_a_line_that_does_not_fit_on_the_disk_leaves_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").write_text("{}\n")
    write = os.write
    sizes = iter([3])

    def full(descriptor: int, data: bytes) -> int:
        if size := next(sizes, 0):
            return write(descriptor, data[:size])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        append_lines(tmp_path / "out", ["x" * 100])
    assert (tmp_path / "out").read_text() == "{}\n"


@pytest.mark.parametrize(("name", "reason"), [("", "is a directory"), ("missing/out", "does not exist")])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=reason):
        opened(f"inspect:file={tmp_path / name}")


def test_a_file_that_became_unwritable_is_told(image: BuiltImage, tmp_path: Path) -> None:
    inspect = opened(f"inspect:file={tmp_path / 'out'}")
    (tmp_path / "out").mkdir()
    with pytest.raises(TransferError, match="directory"):
        filtered(image, inspect)
