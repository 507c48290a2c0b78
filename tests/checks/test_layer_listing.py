"""What a rule can ask about a layer's entries and about the layers laid over each other."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterable

import pytest

from occystrap_core.contracts import (
    CheckContext,
    CheckSpec,
    Entries,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerUnderCheck,
    Listing,
    Needs,
    Remark,
    Severity,
    View,
)
from occystrap_core.engine import budget
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.model.platform import Platform
from occystrap_core.model.repeats import repeats
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import (
    Member,
    build_artifact,
    build_image,
    build_index,
    directory,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from occystrap_core.testing.memory import MemoryInput
from tests.checks.rules import outcome


def spec(**fields: object) -> CheckSpec:
    defaults = {"severity": Severity.WARNING, "needs": Needs.CONTENT, "why": "", "example": "", "remedy": ""}
    return CheckSpec("rule", "a rule", "nowhere:Nothing", **{**defaults, **fields})  # type: ignore[arg-type]


class Witness(LayerExamination):
    def __init__(self) -> None:
        self.entries: list[str] = []
        self.heads: list[str] = []
        self.after: list[bytes] = []

    def entry(self, entry: Entry) -> Iterable[Remark]:
        self.entries.append(entry.path.decode())
        return ()

    def head(self, entry: Entry, data: bytes) -> Iterable[Remark]:
        self.heads.append(f"{entry.path.decode()}={data.decode()}")
        return ()

    def trailing(self, data: bytes) -> Iterable[Remark]:
        self.after.append(data)
        return ()


class Hearing(Examination):
    def __init__(self, context: CheckContext) -> None:
        super().__init__(context)
        self.witness = Witness()
        self.views: list[View] = []

    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return self.witness

    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        self.views.append(view)
        return ()


def heard(content: object, **fields: object) -> Hearing:
    made: list[Hearing] = []

    def start(context: CheckContext) -> Hearing:
        made.append(Hearing(context))
        return made[0]

    outcome(content, (spec(**fields), start))  # type: ignore[arg-type]
    return made[0]


def view(*layers: Iterable[Member]) -> View:
    return heard(build_image([layer_tar(*layer) for layer in layers])).views[0]


def listing(*members: Member) -> Listing:
    return view(members).listing(0)


def paths(found: Listing, numbers: Iterable[int]) -> list[bytes]:
    return [found.path(number) for number in numbers]


class TestWhatARuleIsShown:
    MEMBERS = (file("plain"), file("fraction", mtime=0.5), whiteout("gone"), make_entry("naïve".encode()))

    @pytest.mark.parametrize(
        ("entries", "expected"),
        [
            (Entries.ALL, ["plain", "fraction", ".wh.gone", "naïve"]),
            (Entries.EXTENDED, ["fraction", "naïve"]),
            (Entries.WHITEOUTS, [".wh.gone"]),
        ],
    )
    def test_entries_by_what_they_are(self, entries: Entries, expected: list[str]) -> None:
        assert heard(build_image([layer_tar(*self.MEMBERS)]), entries=entries).witness.entries == expected

    @pytest.mark.parametrize(
        ("head_of", "expected"),
        [
            ((), ["bin/sh=#!", "etc/a.pem=pe", "id_rsa=ke"]),
            (("executable",), ["bin/sh=#!"]),
            (("*/id_rsa",), ["id_rsa=ke"]),
            (("*.pem",), ["etc/a.pem=pe"]),
            (("etc/a.pem",), ["etc/a.pem=pe"]),
            (("etc/*",), ["etc/a.pem=pe"]),
            (("usr/*", "executable"), ["bin/sh=#!"]),
        ],
    )
    def test_first_bytes_of_the_files_it_asks_for(self, head_of: tuple[str, ...], expected: list[str]) -> None:
        members = [file("bin/sh", "#!/bin", mode=0o755), file("etc/a.pem", "pem"), file("id_rsa", "key")]
        assert heard(build_image([layer_tar(*members)]), head=2, head_of=head_of).witness.heads == expected

    def test_an_ending_may_be_the_last_parts_of_a_path(self) -> None:
        members = [file("root/.aws/credentials", "yes"), file(".aws/credentials", "no"), file("a/credentials", "no")]
        found = heard(build_image([layer_tar(*members)]), head=3, head_of=("*/.aws/credentials",))
        assert found.witness.heads == ["root/.aws/credentials=yes"]

    def test_what_follows_the_end_of_the_archive(self) -> None:
        tar = layer_tar(file("x"))
        assert heard(build_image([tar + bytes(8192)])).witness.after == []
        assert heard(build_image([tar + bytes(8192) + b"more" + bytes(99)])).witness.after == [b"more" + bytes(99)]

    def test_contents_are_kept_for_rules_that_only_look_at_the_view(self) -> None:
        class OnlyView(Examination):
            def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
                yield Remark(str(view.content(b"etc/passwd")))

        image = build_image([layer_tar(file("etc/passwd", "root"))])
        [found] = outcome(image, (spec(content=("/etc/passwd",)), OnlyView)).findings
        assert found.message == "b'root'"

    def test_no_view_where_a_layer_is_unknown(self) -> None:
        image = build_image([layer_tar(file("x"))])
        blob = bytearray(image.layers[0].blob)
        blob[30] ^= 1
        assert heard(MemoryInput(image, instead={image.layers[0].descriptor.digest: bytes(blob)})).views == []
        assert heard(build_artifact({"text/plain": b"x"})).views == []
        assert len(heard(image).views) == 1


class TestListing:
    def test_fields(self) -> None:
        found = listing(directory("etc", uid=5), file("./etc//x", "12", mode=0o600), symlink("l", "etc/x"))
        assert len(found) == 3
        assert [found.seen(number).path for number in range(3)] == [b"etc", b"etc/x", b"l"]
        assert (found.seen(0).uid, found.seen(1).mode, found.seen(1).size) == (5, 0o600, 2)
        assert found.seen(2).linkname == b"etc/x"

    def test_a_whiteout_is_none_of_them(self) -> None:
        found = listing(file("a"), whiteout("b/c"), opaque("d"), file(".wh..wh.plnk"), file("e"))
        assert paths(found, range(len(found))) == [b"a", b"e"]
        assert list(found.whiteouts) == [b"b/c"]
        assert list(found.opaque) == [(b"d", 1)]

    def test_by_kind_and_by_owner(self) -> None:
        found = listing(directory("d"), file("f", mode=0o4755), hardlink("h", "f"), symlink("s", "f", uid=9))
        assert paths(found, found.of_kinds(b"12")) == [b"h", b"s"]
        assert paths(found, found.owned(lambda mode, uid, gid: bool(mode & 0o4000))) == [b"f"]
        assert paths(found, found.owned(lambda mode, uid, gid: uid == 9)) == [b"s"]
        assert list(found.owned(lambda mode, uid, gid: False)) == []

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            (rb"X", [b"aX", b"X/b"]),
            (rb"\0X", [b"X/b"]),
            (rb"b\0", [b"X/b"]),
            (rb"[/\0]b[/\0]", [b"X/b"]),
            (rb"target", []),
            (rb"a\0", []),
            (rb"nothing", []),
        ],
    )
    def test_by_a_pattern_of_the_path_alone(self, pattern: bytes, expected: list[bytes]) -> None:
        found = listing(symlink("aX", "target"), symlink("l", "X/b"), file("X/b"), symlink("z", "a"))
        assert paths(found, found.matching(re.compile(pattern))) == expected

    def test_folders_are_named_where_they_change(self) -> None:
        found = listing(file("a/x"), file("a/y"), file("b/x"), file("top"), file("a/z"))
        assert list(found.folders()) == [(0, b"a"), (2, b"b"), (3, b""), (4, b"a")]

    def test_repeated_paths(self) -> None:
        found = listing(file("a"), file("b"), file("./a"), file("c"), file("a"))
        assert list(found.repeated()) == [2, 4]

    def test_repeats_in_a_column_longer_than_a_part(self) -> None:
        column = [*range(150_000), 7, 149_999, 7]
        assert sorted(repeats(column)) == [150_000, 150_001, 150_002]

    def test_names_have_a_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(budget, "MOST_NAMES", 1000)
        image = build_image([layer_tar(*(file(f"a-rather-long-name-{number}") for number in range(100)))])
        [found] = outcome(image, "tar-format").findings
        assert "take more than 1000 bytes" in found.message

    def test_a_path_that_no_system_opens_ends_the_reading(self) -> None:
        [found] = outcome(build_image([layer_tar(file("a/" * 40_000))]), "tar-format").findings
        assert "longer than 4096 bytes" in found.message

    def test_very_deep_directories_are_judged(self) -> None:
        deep = "d/" * 2040
        image = build_image([layer_tar(file(f"{deep}x")), layer_tar(whiteout(f"{deep}x"), whiteout("nowhere"))])
        assert [found for found in outcome(image).findings if "itself failed" in found.message] == []

    @pytest.mark.parametrize("limit", ["MOST_ENTRIES", "MOST_NESTING", "MOST_WHITEOUTS", "MOST_OPAQUE"])
    def test_other_limits(self, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(budget, limit, 10)
        members = [*(file(f"a{number}/x") for number in range(20)), *(whiteout(f"x{number}") for number in range(20))]
        members += [opaque(f"a{number}") for number in range(20)]
        [found] = outcome(build_image([layer_tar(*members)]), "tar-format").findings
        assert f"{found.message} ".find("more than 10 ") > 0

    @pytest.mark.parametrize(("limit", "most"), [("MOST_NAMES", 1500), ("MOST_ENTRIES", 120), ("MOST_NESTING", 1500)])
    def test_they_hold_for_all_layers_together(self, limit: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(budget, limit, most)
        layers = [layer_tar(*(file(f"{layer}a/b{number}/name") for number in range(50))) for layer in range(5)]
        found = outcome(build_image(layers), "tar-format").findings
        assert f"more than {most}" in found[0].message
        assert outcome(build_image(layers[:1]), "tar-format").findings == ()

    def test_a_blob_listed_again_and_again_is_read_once_and_counts_each_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(budget, "MOST_ENTRIES", 900)
        image = build_image([layer_tar(*(file(f"name{number}") for number in range(100)))] * 10)
        found = outcome(image, "compression-bomb", "setuid")
        [said] = found.findings
        assert (said.check, said.severity) == ("compression-bomb", Severity.ERROR)
        assert "the layers have more than 900 entries" in said.message
        assert found.images[0].view is None
        assert outcome(build_image([layer_tar(file("x"))] * 10), "compression-bomb").findings == ()


class TestView:
    def test_numbers_of_one_layer(self) -> None:
        found = view([file("a"), file("b")], [file("b"), file("b", "again"), file("c")])
        assert [found.number(0, b"b"), found.number(1, b"b"), found.number(1, b"a")] == [1, 1, None]

    def test_what_is_final_and_who_hides_the_rest(self) -> None:
        found = view(
            [directory("d"), file("d/x"), file("e"), file("f")],
            [whiteout("d"), file("d/y"), file("e")],
            [directory("f"), opaque("d"), file("d/z")],
        )
        assert sorted(seen.path for seen in found.final()) == [b"d/z", b"e", b"f"]
        hidden = [(layer, found.listing(layer).path(number), culprit) for layer, number, culprit in found.hidden()]
        assert sorted(hidden) == [(0, b"d", 1), (0, b"d/x", 1), (0, b"e", 1), (0, b"f", 2), (1, b"d/y", 2)]
        assert found.is_final(2, 1)

    def test_directories_without_an_entry_are_there_as_long_as_something_is_in_them(self) -> None:
        found = view([file("opt/app/bin"), file("srv/x")], [whiteout("srv/x")])
        assert found.find(b"opt/app") is not None
        assert found.find(b"/") is not None
        assert found.find(b"srv") is None
        assert found.find(b"opt/other") is None

    def test_below_the_end_is_what_is_there(self) -> None:
        found = view([file("a", "1"), file("b")], [file("a", "22"), whiteout("b")])
        assert found.below(2, b"a").size == 2  # type: ignore[union-attr]
        assert found.below(1, b"a").size == 1  # type: ignore[union-attr]
        assert found.below(2, b"b") is None

    def test_a_layer_that_stands_twice(self) -> None:
        tar = layer_tar(file("x", "1"))
        found = heard(build_image([tar, layer_tar(whiteout("x")), tar])).views[0]
        assert [(seen.path, seen.layer) for seen in found.final()] == [(b"x", 2)]
        assert found.below(2, b"x") is None

    def test_no_layers_at_all(self) -> None:
        assert list(heard(build_image([])).views[0].final()) == []


def test_an_entry_takes_at_most_100_bytes() -> None:
    count = 20_000
    tracemalloc.start()
    try:
        records = LayerRecords(0)
        for number in range(count):
            path = b"usr/share/layer0/%05d/file%d.txt" % (number // 100, number)
            records.add(make_entry(path), path, path.rpartition(b"/")[0])
        view = MergedView([records], ())
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert view.is_final(0, 5)
    assert taken / count <= 100


class TestHostileShapes:
    """Each of these took a time that grew with the square of its size."""

    def test_a_path_a_hundred_thousand_times_is_one_step_away(self) -> None:
        layers = [LayerRecords(place) for place in range(3)]
        for records, times in zip(layers, (1, 100_000, 1), strict=True):
            for _ in range(times):
                records.add(make_entry(b"same"), b"same", b"")
        merged = MergedView(layers, ())
        assert [list(merged._latest_first(b"same"))] == [[100_001, 100_000, 0]]
        assert [merged.number(layer, b"same") for layer in range(3)] == [0, 99_999, 0]

    def test_a_path_in_very_many_layers(self) -> None:
        layers = [LayerRecords(place) for place in range(400)]
        for records in layers[::2]:
            records.add(make_entry(b"same"), b"same", b"")
        merged = MergedView(layers, ())
        assert [merged.number(layer, b"same") for layer in range(400)] == [0, None] * 200
        below = [found.layer for layer in range(1, 400) if (found := merged.below(layer, b"same"))]
        assert below == [(layer - 1) // 2 * 2 for layer in range(1, 400)]

    def test_directories_deleted_again_and_again(self) -> None:
        layers = [LayerRecords(place) for place in range(300)]
        for records in layers:
            records.add_whiteout(b"d", b".wh.e")
            records.add_whiteout(b"d", b".wh.e")
            records.add(make_entry(b"d/e/f"), b"d/e/f", b"d/e")
        merged = MergedView(layers, ())
        assert [merged.hidden_by(layer, 0) for layer in range(300)] == [*range(1, 300), None]
        assert len(merged._cut_at) == 300

    def test_a_whiteout_takes_at_most_100_bytes(self) -> None:
        count = 20_000
        tracemalloc.start()
        try:
            records = LayerRecords(0)
            for number in range(count):
                records.add_whiteout(b"usr/share/layer0/%05d" % (number // 100), b".wh.file%d.txt" % number)
            MergedView([records], ())
            _, taken = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert taken / count <= 100


def test_what_was_remembered_of_images_before_is_let_go_where_it_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MOST_ENTRIES", 250)
    platforms = [Platform("linux", each) for each in ("amd64", "arm64", "s390x", "riscv64")]
    common = layer_tar(*(file(f"common{number}") for number in range(50)))
    images = [
        build_image([common, layer_tar(*(file(f"{each}{number}") for number in range(50)))], platform=each)
        for each in platforms
    ]
    found = outcome(build_index(images), "compression-bomb", "duplicate-file", "tar-format")
    assert found.findings == ()
    assert [each.view is not None for each in found.images] == [True, True, False, False]
    assert all(facts.listing is None for each in found.images[2:] for facts in each.facts)
