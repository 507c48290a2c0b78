"""Rules about what a container sees in the end, and what its layers cost."""

from __future__ import annotations

import pytest

from occystrap_core.contracts import shown
from occystrap_core.engine import check
from occystrap_core.testing.build import (
    BuiltImage,
    Member,
    build_image,
    directory,
    fifo,
    file,
    hardlink,
    layer_tar,
    symlink,
    whiteout,
)
from tests.checks.broken import edited
from tests.checks.layers_made import image_of, messages, told
from tests.checks.rules import findings, outcome

MIB = bytes(1 << 20)
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"
ETC = directory("etc")
SSH = [directory("root"), directory("root/.ssh")]
CASES = {
    "ordinary modes": ([file("x", mode=0o755), directory("tmp", mode=0o1777), symlink("l", "x")], []),
    "a setuid program": ([file("su", mode=0o4755)], [("setuid", "warning")]),
    "a setgid program": ([file("wall", mode=0o2755)], [("setuid", "warning")]),
    "a setgid directory": ([directory("mail", mode=0o2775)], []),
    "a file that all may write": ([file("x", mode=0o666)], [("world-writable", "warning")]),
    "a directory that all may write": ([directory("x", mode=0o777)], [("world-writable", "warning")]),
    "an owner in the millions": ([file("x", uid=1_200_000)], [("id-range", "info")]),
    "a group in the millions": ([file("x", gid=70_000)], [("id-range", "info")]),
    "the last owner that fits": ([file("x", uid=65_535, gid=65_535)], []),
    "names that differ in case": ([file("README"), file("readme")], [("case-collision", "warning")]),
    "names that differ in two capitals": ([file("README"), file("Readme")], [("case-collision", "warning")]),
    "directories that differ in case": (
        [directory("A"), file("A/x"), directory("a"), file("a/x")],
        [("case-collision", "warning")],
    ),
    "directories without entries that differ in case": (
        [file("A/x"), file("a/y")],
        [("case-collision", "warning"), ("parent-not-directory", "info")],
    ),
    "a directory without an entry and a file": (
        [file("Lib"), file("lib/y"), file("LIB/z")],
        [("case-collision", "warning"), ("parent-not-directory", "info")],
    ),
    "names in other alphabets that differ in case": ([file("Ärger"), file("ärger")], [("case-collision", "warning")]),
    "capitals in different directories": ([directory("a"), file("a/X"), directory("b"), file("b/x")], []),
    "a colon": ([file("libc6:amd64.list")], [("windows-names", "info")]),
    "a device of DOS": ([file("aux.c")], [("windows-names", "info")]),
    "a device of DOS further down": ([ETC, directory("etc/con"), file("etc/con/x")], [("windows-names", "info")]),
    "a dot at the end": ([file("x.")], [("windows-names", "info")]),
    "a link name with a colon": ([symlink("x", "a:b")], []),
    "names like those of devices": (
        [file("auxiliary"), file("console"), file("com10"), file(".con")],
        [],
    ),
    "an absolute link to nothing": ([symlink("x", "/none")], [("dangling-symlink", "info")]),
    "an absolute link to what is there": ([ETC, file("etc/x"), symlink("y", "/etc/x"), symlink("z", "/y")], []),
    "an absolute link to a directory without an entry": ([ETC, symlink("y", "/etc")], []),
    "a link into /proc": ([ETC, symlink("etc/mtab", "/proc/mounts")], []),
    "a relative link to nothing": ([symlink("x", "none")], []),
    "an empty password": ([ETC, file("etc/passwd", "root::0:0:::\n")], [("empty-password", "warning")]),
    "an empty password in shadow": ([ETC, file("etc/shadow", "root:::0:::::\n")], [("empty-password", "warning")]),
    "locked passwords": (
        [ETC, file("etc/passwd", "root:x:0:0:::\n+::::::\n"), file("etc/shadow", "root:*:0:::::\nx:!:0:::::\n")],
        [],
    ),
    "two users of one number": ([ETC, file("etc/passwd", "a:x:0:0:::\nb:x:0:0:::\n")], [("duplicate-uid", "warning")]),
    "two groups of one number": ([ETC, file("etc/group", "a:x:5:\nb:x:5:\n")], [("duplicate-uid", "warning")]),
    "a user listed twice": ([ETC, file("etc/passwd", "a:x:0:0:::\na:x:0:0:::\n")], []),
    "a secret that is still there": ([*SSH, file("root/.ssh/id_rsa", KEY)], []),
}


@pytest.mark.parametrize("name", CASES)
def test_one_layer(name: str) -> None:
    members, expected = CASES[name]
    assert told(image_of(members)) == expected


def test_what_is_deleted_or_mended_later_is_not_there_in_the_end() -> None:
    first = [ETC, file("su", mode=0o4755), file("x", mode=0o666), file("README"), file("etc/passwd", "a::0:0:::\n")]
    then = [whiteout("su"), file("x"), file("readme"), whiteout("README"), file("etc/passwd", "a:x:0:0:::\n")]
    assert told(image_of(first, then)) == [("duplicate-file", "info")] * 2


class TestDuplicateFiles:
    def test_the_layers_are_named(self) -> None:
        image = image_of([file("x", "1")], [file("x", "2"), file("y")], [file("y", "3"), file("x", "4")])
        assert messages(image, "duplicate-file") == ["x is in the layers 1, 2, 3", "y is in the layers 2, 3"]

    def test_ten_are_listed(self) -> None:
        files = [file(f"file{number}") for number in range(13)]
        said = messages(image_of(files, files), "duplicate-file")
        assert (len(said), said[-1]) == (11, "and 3 more files are in several layers")

    def test_a_deleted_file_is_none(self) -> None:
        assert messages(image_of([file("x")], [whiteout("x")]), "duplicate-file") == []


class TestWaste:
    def image(self, *layers: object, steps: tuple[str, ...] = ()) -> BuiltImage:
        tars = [layer_tar(*layer) for layer in layers]  # type: ignore[misc]
        return build_image(tars, history=[{"created_by": step} for step in steps] or None)

    def test_hidden_bytes_are_laid_at_the_step_that_hides_them(self) -> None:
        image = self.image([file("big", MIB)], [whiteout("big")], steps=("COPY big /", "RUN rm /big"))
        assert told(image) == [("shadowed-bytes", "info")]
        assert messages(image, "shadowed-bytes") == ["the layer hides 1.0 MiB of lower layers (RUN rm /big)"]

    def test_a_few_bytes_are_not_worth_a_word(self) -> None:
        assert told(self.image([file("small", MIB[1:])], [whiteout("small")])) == []

    def test_files_that_only_changed_their_owner(self) -> None:
        image = self.image([file("big", MIB)], [file("big", MIB, uid=1000)])
        assert told(image) == [("chmod-copies", "warning"), ("duplicate-file", "info"), ("shadowed-bytes", "info")]

    def test_files_that_changed(self) -> None:
        image = self.image([file("big", MIB)], [file("big", MIB + b"x", uid=1000)])
        assert told(image) == [("duplicate-file", "info"), ("shadowed-bytes", "info")]


class TestDeletedSecrets:
    @pytest.mark.parametrize(
        ("path", "content"),
        [
            ("root/.ssh/id_rsa", KEY),
            ("root/.ssh/server.pem", KEY),
            ("root/.ssh/.npmrc", "//registry.npmjs.org/:_authToken=npm_x"),
            (".netrc", "machine example.org login a password b"),
        ],
    )
    def test_a_secret_in_a_lower_layer(self, path: str, content: str) -> None:
        image = image_of([*SSH, file(path, content)], [whiteout(path)])
        assert told(image) == [("deleted-secret", "warning")]

    def test_its_directory_may_be_deleted_as_well(self) -> None:
        image = image_of([*SSH, file("root/.ssh/id_rsa", KEY)], [whiteout("root")])
        assert told(image) == [("deleted-secret", "warning")]

    def test_public_keys_and_certificates_are_none(self) -> None:
        image = image_of([file("server.pem", "-----BEGIN CERTIFICATE-----")], [whiteout("server.pem")])
        assert told(image) == []


def test_hard_links_count_as_their_files() -> None:
    image = image_of([ETC, file("etc/passwd", "root:x:0:0:::\n"), hardlink("etc/copy", "etc/passwd")])
    assert told(image) == []


class TestPlaces:
    """Scanners' users want to know every file."""

    def test_of_one_file(self) -> None:
        [found] = findings(image_of([ETC], [file("etc/su", mode=0o4755)]), "setuid")
        assert (found.where.layer, found.where.entry, found.places) == (1, "etc/su", ())

    def test_of_many_files(self) -> None:
        lower = [ETC, *(file(f"etc/{number}", mode=0o666) for number in range(40))]
        [found] = findings(image_of(lower, [file("etc/40", mode=0o666)]), "world-writable")
        assert found.message == "41 paths that everybody may write: etc/0, etc/1, etc/2, etc/3, etc/4 and 36 more"
        assert [(each.layer, each.entry) for each in found.places[-2:]] == [(0, "etc/39"), (1, "etc/40")]
        assert {each.manifest for each in found.places} == {found.where.manifest}
        assert (found.where.layer, found.where.entry) == (None, "")

    @pytest.mark.parametrize(
        ("rule", "member"),
        [
            ("id-range", file("x", uid=70_000)),
            ("dangling-symlink", symlink("x", "/none")),
            ("windows-names", file("x:y")),
            ("device-node", fifo("x")),
            ("name-encoding", file("a\nb")),
            ("tar-duplicate", file("etc/motd")),
        ],
    )
    def test_names_layer_and_entry(self, rule: str, member: Member) -> None:
        also = [file("etc/motd")] if rule == "tar-duplicate" else []
        for found in outcome(image_of([ETC], [ETC, *also, member]), rule).findings:
            assert (found.where.layer, found.where.entry) == (1, shown(member.path))

    def test_of_accounts(self) -> None:
        [found] = findings(image_of([ETC], [file("etc/passwd", "root::0:0:::\n")]), "empty-password")
        assert (found.where.layer, found.where.entry) == (1, "etc/passwd")

    def test_of_a_file_in_several_layers(self) -> None:
        layers = [[ETC, *(file(f"etc/{number}", "x") for number in range(12))]] * 2
        *listed, rest = outcome(image_of(*layers), "duplicate-file").findings
        assert len(listed) == 10
        assert listed[0].message == "etc/0 is in the layers 1, 2"
        assert [each.layer for each in listed[0].places] == [0, 1]
        assert rest.message == "and 2 more files are in several layers"
        assert [(each.layer, each.entry) for each in rest.places] == [(1, "etc/10"), (1, "etc/11")]

    def test_of_a_program(self) -> None:
        image = edited(image_of([file("app")]), config=lambda json: json["config"].update(Entrypoint=["/app"]))
        [found] = findings(image, "entrypoint-not-executable")
        assert (found.where.layer, found.where.entry) == (0, "app")

    def test_every_pair_counts(self) -> None:
        names = [file(f"{letter}{number}") for number in range(1500) for letter in "Xx"]
        [found] = findings(image_of(names), "case-collision")
        assert found.message.startswith("1500 pairs of names that differ in case alone: x0 and X0; ")
        assert len(found.places) == 1500

    def test_rules_have_a_limit_of_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(check, "MAX_PLACES", 5)
        layers = [[file(f"{layer}:{number}") for number in range(3)] for layer in range(3)]
        for rule in ("windows-names", "name-encoding"):
            assert sum(len(each.places) for each in outcome(image_of(*layers), rule).findings) <= 5


def test_a_path_that_comes_often_is_told_of_once() -> None:
    assert messages(image_of([file("x")] * 5), "tar-duplicate") == ["x is in the layer 5 times"]
