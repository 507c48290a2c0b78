"""What a layer has below a symlink of a lower one is found where it lands, by every rule."""

from __future__ import annotations

import pytest

from occystrap_core.contracts.check import View
from occystrap_core.testing.build import Member, directory, file, hardlink, symlink, whiteout
from tests.checks.broken import edited
from tests.checks.config.elf_files import elf
from tests.checks.layers_made import image_of
from tests.checks.rules import findings, outcome

USR_MERGED = (
    symlink("bin", "usr/bin"),
    directory("usr"),
    directory("usr/bin"),
    file("usr/bin/sh", elf(), mode=0o755),
    directory("etc"),
    file("etc/passwd", "root:x:0:0::/:/bin/sh\n"),
)


def started(*layers: tuple[Member, ...], **run: object) -> list[str]:
    """What is wrong with an image that is run so, besides that engines differ there."""
    image = edited(image_of(*layers), config=lambda json: json["config"].update(run))
    return [each.check for each in findings(image) if each.check not in ("parent-not-directory", "created-zero")]


def view_of(*layers: tuple[Member, ...]) -> View:
    [image] = outcome(image_of(*layers), "setuid").images
    assert image.view is not None
    return image.view


@pytest.mark.parametrize("path", ["/bin/app", "/usr/bin/app", "/bin/sh"])
def test_programs(path: str) -> None:
    assert started(USR_MERGED, (file("bin/app", elf(), mode=0o755),), Entrypoint=[path]) == []


def test_a_program_without_its_loader() -> None:
    app = file("bin/app", elf(loader="/lib/ld-musl-x86_64.so.1"), mode=0o755)
    assert started(USR_MERGED, (app,), Entrypoint=["/bin/app"]) == ["entrypoint-interpreter"]


def test_accounts() -> None:
    lower = (symlink("etc", "conf"), directory("conf"))
    upper = (file("etc/passwd", "app:x:5:5::/:/\n"),)
    assert started(lower, upper, User="app") == []
    assert started(lower, upper, User="nobody") == ["user-unresolvable"]


def test_a_directory_takes_the_place_of_the_symlink() -> None:
    upper = (directory("bin"), file("bin/app", elf(), mode=0o755))
    assert started(USR_MERGED, upper, Entrypoint=["/bin/sh"]) == ["entrypoint-not-found"]


def test_whiteouts_and_secrets() -> None:
    key = file("lib/id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\n", mode=0o600)
    lower = (symlink("lib", "usr/lib"), directory("usr"), directory("usr/lib"))
    assert started(lower, (key,)) == []
    assert started(lower, (key,), (whiteout("lib/id_rsa"),)) == ["deleted-secret"]
    assert started(lower, (key,), (whiteout("usr/lib/id_rsa"),)) == ["deleted-secret"]


def test_the_view_tells_what_moved() -> None:
    view = view_of(USR_MERGED, (directory("srv"), file("bin/app"), hardlink("srv/app", "bin/app")))
    assert list(view.moved(0)) == []
    assert list(view.moved(1)) == [(b"bin/app", b"usr/bin/app")]
    assert view.listing(1).path(1) == b"usr/bin/app"
    link = view.find(b"srv/app")
    assert link is not None
    assert link.linkname == b"usr/bin/app"


class TestDirectoriesWithoutEntries:
    """Nothing says that they are there, but for what is in them."""

    def test_a_file_takes_the_place_of_one(self) -> None:
        assert started((file("opt/a/su", mode=0o4755), file("opt/b")), (file("opt/a"),)) == []
        assert view_of((file("opt/a/su"),), (file("opt/a"),)).find(b"opt/a/su") is None

    def test_one_takes_the_place_of_a_file(self) -> None:
        view = view_of((file("opt/a"),), (file("opt/a/b"),))
        assert [seen.path for seen in view.final()] == [b"opt/a/b"]

    def test_one_in_the_same_layer(self) -> None:
        assert [seen.path for seen in view_of((file("a/b"), file("a"))).final()] == [b"a"]
        assert [seen.path for seen in view_of((file("a"), file("a/b"))).final()] == [b"a/b"]
