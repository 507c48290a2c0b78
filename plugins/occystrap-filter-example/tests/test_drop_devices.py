"""The filter by itself, and as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from occystrap_filter_example.filter import DropDevices
from occystrap_filter_example.plugin import DropDevicesOptions

from occystrap_core.contracts import Filter, FilterContext, Settings
from occystrap_core.contracts.entry import BLOCK_DEVICE
from occystrap_core.model.image import ImageName
from occystrap_core.streams.tar import TarReader
from occystrap_core.testing.build import device, fifo, file, hardlink, layer_tar

LAYER = layer_tar(
    file("etc/motd", "hello"),
    device("dev/null", 1, 3),
    device("dev/sda", 8, 0, BLOCK_DEVICE),
    hardlink("dev/zero", "dev/null"),
    hardlink("etc/issue", "etc/motd"),
    fifo("run/pipe"),
)


def drop_devices(**options: bool) -> Filter:
    return DropDevices(DropDevicesOptions(**options), FilterContext(Settings(), ImageName("sample")))


def survivors(opened: Filter) -> list[bytes]:
    # The transform of a layer needs neither the layer nor the image here.
    transform = opened.begin(None, None)  # type: ignore[arg-type]
    assert transform is not None
    kept = [kept.path for entry in TarReader([LAYER]) if (kept := transform.entry(entry))]
    assert not list(transform.finish())
    return kept


def test_device_nodes_and_hard_links_to_them_are_dropped() -> None:
    assert survivors(drop_devices()) == [b"etc/motd", b"etc/issue", b"run/pipe"]


def test_named_pipes_go_when_asked_for() -> None:
    assert survivors(drop_devices(fifos=True)) == [b"etc/motd", b"etc/issue"]


def test_what_it_does_differently_has_another_fingerprint() -> None:
    assert drop_devices().fingerprint != drop_devices(fifos=True).fingerprint


@pytest.mark.parametrize("spelling", ["drop-devices", "drop_devices:fifos=true"])
def test_it_is_installed_and_runs_in_a_process(spelling: str, tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "occystrap_core", "process", "sample://", f"tar://{tmp_path}/out.tar",
         "-f", spelling, "--verify-full", "-O", "json"],
        capture_output=True, check=True,
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert [each["name"] for each in result["filters"]] == ["drop-devices"]
    assert result["verification"]["errors"] == 0
