"""Rules about how layers delete."""

from __future__ import annotations

import pytest

from occystrap_core.testing.build import device, directory, file, hardlink, opaque, symlink, whiteout
from tests.checks.layers_made import image_of, told

BASE = [directory("etc"), file("etc/motd", "hello"), directory("var"), file("var/log", "x"), file("a/b/c", "x")]
IMPLIED = ("parent-not-directory", "info")
CASES = {
    "a whiteout": ([whiteout("etc/motd")], []),
    "a whiteout at the top": ([whiteout("etc")], []),
    "a whiteout of a directory without an entry": ([whiteout("a/b")], []),
    "an opaque directory": ([directory("var"), opaque("var"), file("var/new")], []),
    "an opaque directory without entry": ([opaque("var"), file("var/new")], []),
    "a whiteout of nothing": ([file("etc/.wh.")], [("whiteout", "error")]),
    "a whiteout of nothing at the top": ([file(".wh.")], [("whiteout", "error")]),
    "a whiteout of the directory it is in": ([file("etc/.wh..")], [("whiteout", "error")]),
    "a whiteout of the directory above": ([file("etc/.wh...")], [("whiteout", "error")]),
    "a whiteout of a name that is dots": ([whiteout("etc/...")], [("wh-target-missing", "info")]),
    "a whiteout with content": ([file("etc/.wh.motd", "x")], [("whiteout-size", "warning")]),
    "an opaque marker with content": ([file("var/.wh..wh..opq", "x")], []),
    "a whiteout that is a directory": ([directory("etc/.wh.motd")], [("whiteout-type", "warning")]),
    "a whiteout that is a symlink": ([symlink("etc/.wh.motd", "x")], [("whiteout-type", "warning")]),
    "an opaque marker that is a symlink": ([symlink("etc/.wh..wh..opq", "x")], [("whiteout-type", "warning")]),
    "a whiteout of what is not there": ([whiteout("etc/none")], [("wh-target-missing", "info")]),
    "a path deleted and brought": (
        [file("etc/motd", "new"), whiteout("etc/motd")],
        [("duplicate-file", "info"), ("wh-and-entry", "warning")],
    ),
    "an opaque marker behind entries": ([file("var/new"), opaque("var")], [("opq-after-siblings", "info")]),
    "an opaque marker behind entries further down": (
        [directory("var/x"), file("var/x/y"), opaque("var")],
        [("opq-after-siblings", "info")],
    ),
    "an opaque marker behind other directories": ([file("etc/new"), opaque("var"), file("var/new")], []),
    "bookkeeping of aufs": ([directory(".wh..wh.plnk"), file(".wh..wh.aufs")], [("aufs-leftovers", "warning")] * 2),
    "a whiteout of overlay": ([device("etc/motd", 0, 0)], [("overlay-whiteout", "error")]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_upon_another(name: str) -> None:
    members, expected = CASES[name]
    found = told(image_of(BASE, members))
    found.remove(IMPLIED)  # the base has a/b without an entry
    assert found == expected


def test_whiteouts_in_the_first_layer() -> None:
    assert told(image_of([whiteout("etc"), file("x")])) == [("wh-in-first-layer", "info")]
    assert told(image_of([directory("var"), opaque("var")])) == [("wh-in-first-layer", "info")]


def test_a_whiteout_of_what_an_earlier_whiteout_deleted() -> None:
    image = image_of(
        [directory("etc"), file("etc/motd")], [whiteout("etc/motd")], [whiteout("etc/motd"), directory("x")]
    )
    assert told(image) == [("wh-target-missing", "info")]


def test_hard_links_as_docker_on_aufs_wrote_them() -> None:
    members = [file(".wh..wh.aufs"), hardlink("etc/.wh.motd", ".wh..wh.aufs")]
    found = told(image_of([directory("etc"), file("etc/motd")], members))
    assert found == [("aufs-leftovers", "warning"), ("whiteout-type", "warning")]
