"""The engines that an image must work on, as people write them."""

from __future__ import annotations

import pytest

from occystrap_core.model.errors import UsageError
from occystrap_core.model.shown import MAX_SHOWN, shown
from occystrap_core.model.targets import parse_targets, version_text


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("", ()),
        ("  ", ()),
        ("podman>=4", (("podman", (4,)),)),
        ("docker>=20.10,containerd>=1.7", (("docker", (20, 10)), ("containerd", (1, 7)))),
        (" Docker >= v20.10.4 , crio>=1.16", (("docker", (20, 10, 4)), ("cri-o", (1, 16)))),
    ],
)
def test_targets_are_engines_with_their_oldest_version(text: str, targets: tuple[object, ...]) -> None:
    assert parse_targets(text) == targets


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("docker", "'docker' is not a target"),
        ("docker>20", "'docker>20' is not a target"),
        ("docker>=twenty", "is not a target"),
        ("docker>=20.10,", "'' is not a target"),
        ("docker>=99999999", "is not a target"),
        ("rocker>=1", "no rule knows the engine 'rocker'"),
        ("docker>=20,moby>=25", "targets name docker twice"),
    ],
)
def test_what_is_no_target_is_refused_with_a_hint(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        parse_targets(text)
    assert caught.value.hint


def test_a_version_is_shown_as_people_write_it() -> None:
    assert version_text((20, 10), "docker") == "20.10"
    assert version_text((18, 9), "docker") == "18.09"
    assert version_text((18, 9, 1), "docker") == "18.09.1"
    assert version_text((1, 7), "containerd") == "1.7"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"etc/passwd", "etc/passwd"),
        (b"caf\xc3\xa9", "café"),
        (b"\xff\x1b[2J\n", "\\xff\\x1b[2J\\n"),
        ("\u202eexe.txt", "\\u202eexe.txt"),
        ({"a": 1}, "{'a': 1}"),
        (None, "None"),
    ],
)
def test_what_an_image_says_is_shown_in_one_printable_line(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("value", ["x" * 5000, b"x" * 5000])
def test_what_is_long_is_cut(value: object) -> None:
    assert shown(value) == "x" * MAX_SHOWN + "…"
