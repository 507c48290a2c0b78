"""Expressions that would go on for ever can be interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from occystrap_core.testing.build import build_image, file, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.end_to_end.images import write_layout

ENDLESS = "(a+)+$"
VICTIM = "a" * 64 + "b"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("asked", [("--content", ENDLESS), (ENDLESS, "--regex")], ids=["content", "name"])
@pytest.mark.parametrize("told", [(), ("-O", "json"), ("--merged",)], ids=["text", "json", "merged"])
def test_an_interruption_ends_it(
    tmp_path: Path, asked: tuple[str, ...], told: tuple[str, ...], number: signal.Signals
) -> None:
    layers = [layer_tar(file("first", "1")), layer_tar(file(VICTIM, VICTIM)), layer_tar(file("last", "2"))]
    source = write_layout(tmp_path / "layout", build_image(layers))
    command = [sys.executable, "-m", "occystrap_core", "search", source, *asked, *told, "-q"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_until_it_is_at_it(process.pid)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert err == "Interrupted: stopped before it was done\n"
    assert out == ""


def _wait_until_it_is_at_it(process: int) -> None:
    """Everything else takes a small part of the CPU time that is waited for."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        if int(fields[11]) > 80:
            return
        time.sleep(0.02)
    pytest.fail("it never began")


@pytest.mark.parametrize("asked", [("motd", "--regex"), ("--content", "x"), ("motd",)], ids=["name", "content", "glob"])
def test_an_interruption_ends_the_wait_for_a_registry(asked: tuple[str, ...]) -> None:
    image = build_image([layer_tar(file("motd", os.urandom(300_000))), layer_tar(file("etc/motd", "x"))])
    with EmbeddedRegistry() as registry:
        registry.add(image, "app")
        layer = str(image.layers[0].descriptor.digest)
        registry.fail(Fault("GET", layer, cut_after=100_000, stall=60))
        command = [sys.executable, "-m", "occystrap_core", "search", f"registry://{registry.host}/app", *asked, "-q"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not registry.seen("GET", layer) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (130, "Interrupted: stopped before it was done\n")
        assert time.monotonic() - began < 10
