"""What mounts:// writes is a bundle as well: runc starts it, and what it changes goes to the delta."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from occystrap_core.kit.rootfs.overlay import mounted_at, unmount_overlay
from occystrap_core.testing.build import build_image, layer_tar, whiteout
from occystrap_core.testing.layers import Entry
from tests.bundle.bundles import run, small_system
from tests.mounts.test_mounts import mount, needs_root, occystrap

pytestmark = needs_root
SCRIPT = "cat /etc/motd; ls /etc; id -u; echo changed > /etc/motd && rm /etc/kept && echo written"


@pytest.fixture(scope="module")
def system() -> list[Entry]:
    return small_system()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "image"
    yield path
    if mounted_at(path / "rootfs"):
        unmount_overlay(path)


def test_runc_runs_it_over_all_layers(tmp_path: Path, target: Path, system: list[Entry]) -> None:
    layers = [
        system,
        [("etc/motd", "one\n"), ("etc/gone", ""), ("etc/kept", "")],
        [("etc/motd", "two\n"), whiteout("etc/gone")],
    ]
    image = build_image([layer_tar(*layer) for layer in layers], config={"config": {"Cmd": ["sh", "-c", SCRIPT]}})
    done = mount(tmp_path, target, image)
    assert done.returncode == 0, done.stderr
    ran = run(target)
    assert (ran.stdout.split(), ran.returncode) == (["two", "kept", "motd", "0", "written"], 0), ran.stderr
    assert (target / "delta/etc/motd").read_text() == "changed\n"
    assert not (target / "rootfs/etc/kept").exists()
    assert occystrap("unmount", target).returncode == 0
    assert (target / "delta/etc/motd").exists()


def test_read_only_it_cannot_write(tmp_path: Path, system: list[Entry]) -> None:
    path = tmp_path / "image"
    image = build_image([layer_tar(*system)], config={"config": {"Cmd": ["sh", "-c", "echo x > /x || echo refused"]}})
    done = mount(tmp_path, Path(f"{path}?readonly=true"), image)
    try:
        assert done.returncode == 0, done.stderr
        assert run(path).stdout == "refused\n"
    finally:
        unmount_overlay(path)
