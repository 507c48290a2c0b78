"""What a check could not look at is said beside what it found, and is no fault of the image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from occystrap_core.cli.check_job import SourceBlobs
from occystrap_core.contracts.input import Chunk
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import TransferError
from occystrap_core.testing.build import build_image, build_index, file, layer_tar
from occystrap_core.testing.memory import MemoryInput
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.checks import rules as checks
from tests.checks.broken import image
from tests.checks.command import run_here

SOUND = layer_tar(("etc/motd", "hello"))
LEAKS = layer_tar(file("etc/shadow", "x", mode=0o666), file("etc/old", mtime=-5))
IMAGE = build_image([LEAKS, SOUND])


def checked(fault: Fault, *options: str, content: Any = IMAGE) -> tuple[int, str, str]:
    with EmbeddedRegistry() as registry:
        registry.add(content, "library/thing", "v1")
        registry.fail(fault)
        uri = f"registry://{registry.host}/library/thing:v1"
        ran = run_here("check", uri, "--insecure", "--retries", "0", *options)
    return ran.returncode, ran.stdout, ran.stderr


FAULTS = {
    "a layer is refused": Fault("GET", str(IMAGE.layers[1].descriptor.digest), times=None, status=500),
    "a layer is forbidden": Fault("GET", str(IMAGE.layers[1].descriptor.digest), times=None, status=403),
    "a layer breaks off": Fault("GET", str(IMAGE.layers[1].descriptor.digest), times=None, cut_after=10),
    "the config is refused": Fault("GET", str(IMAGE.config.digest), times=None, status=500),
    "the config is forbidden": Fault("GET", str(IMAGE.config.digest), times=None, status=403),
    "the config breaks off": Fault("GET", str(IMAGE.config.digest), times=None, cut_after=10),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_the_network_kept_back_is_exit_code_3_and_all_else_is_reported(fault: Fault) -> None:
    code, out, err = checked(fault, "-O", "json")
    report = json.loads(out)
    assert code == 3
    assert len(report["unchecked"]) == 1
    assert report["unchecked"][0] in err
    about_the_first_layer = [each for each in report["results"] if each["where"].get("layer") == 0]
    assert "tar-timestamp" in {each["check"] for each in about_the_first_layer}


class Locked(MemoryInput):
    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        raise PermissionError(13, "Permission denied", "/images/blobs/sha256/12")


def test_a_file_that_may_not_be_read_is_no_broken_image() -> None:
    outcome = checks.outcome(Locked(IMAGE))
    assert [text.partition(": ")[2] for text in outcome.unchecked] == [
        "/images/blobs/sha256/12: Permission denied",
        "/images/blobs/sha256/12: Permission denied",
    ]


def test_a_folder_that_may_not_be_looked_into_is_no_missing_blob() -> None:
    class Closed(MemoryInput):
        def has_blob(self, descriptor: Descriptor) -> bool:
            raise PermissionError(13, "Permission denied", "/images/blobs")

    blobs = SourceBlobs(Closed(IMAGE))
    assert [blobs.has(layer.descriptor) for layer in IMAGE.layers] == [None, None]
    assert blobs.unanswered[0] == "whether all blobs are there: /images/blobs: Permission denied"


def test_a_source_that_cannot_answer_is_not_asked_for_every_blob() -> None:
    asked: list[Descriptor] = []

    class Silent(MemoryInput):
        def has_blob(self, descriptor: Descriptor) -> bool:
            asked.append(descriptor)
            raise TransferError("no answer")

    blobs = SourceBlobs(Silent(IMAGE))
    assert {blobs.has(IMAGE.config.descriptor()) for _ in range(50)} == {None}
    assert len(asked) == 3


def test_a_config_that_broke_off_is_asked_for_again() -> None:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "library/thing", "v1")
        registry.fail(Fault("GET", str(IMAGE.config.digest), cut_after=10))
        ran = run_here("check", "--fast", f"registry://{registry.host}/library/thing:v1", "--insecure")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("text", "Not checked: "),
        ("sarif", '"executionSuccessful": false'),
        ("junit", 'errors="1"'),
        ("github", "::error title=not checked::"),
        ("html", "Not everything could be checked"),
    ],
)
def test_every_report_says_what_was_not_checked(form: str, words: str) -> None:
    code, out, _ = checked(FAULTS["a layer is refused"], "-O", form)
    assert code == 3
    assert words in out


def test_a_child_of_an_index_that_cannot_be_had_keeps_nobody_from_the_others() -> None:
    other = image(file("etc/other"))
    both = build_index([IMAGE, other])
    fault = Fault("GET", str(other.root.digest), times=None, status=500)
    code, out, _ = checked(fault, "-O", "json", "--all-platforms", content=both)
    report = json.loads(out)
    assert code == 3
    assert str(other.root.digest)[:19] in report["unchecked"][0] or str(other.root.digest) in report["unchecked"][0]
    assert "world-writable" in {each["check"] for each in report["results"]}


def test_an_image_that_cannot_be_had_at_all_is_an_error_without_a_report() -> None:
    code, out, err = checked(Fault("GET", "/manifests/", times=None, status=500), "-O", "json")
    assert (code, out) == (3, "")
    assert err.startswith("Error: ")
