"""The engine of check: everything is read once, damage is a fact, and a rule that crashes is a finding."""

from __future__ import annotations

import gzip
from collections.abc import Iterable

import pytest

from occystrap_core.contracts import (
    CheckContext,
    CheckSpec,
    Entry,
    Examination,
    FoundDocument,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
)
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import Compression
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    build_image,
    build_index,
    build_layer,
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

BASE = layer_tar(
    directory("etc"),
    file("etc/passwd", "root"),
    file("etc/old", "12345"),
    directory("var"),
    file("var/log", "x"),
    symlink("bin", "usr/bin"),
    directory("usr/bin"),
    file("usr/bin/sh", "sh"),
    symlink("abs", "/etc/passwd"),
    symlink("loop", "loop"),
)
TOP = layer_tar(
    whiteout("etc/old"), opaque("var"), file("var/new", "n"), file("etc/passwd", "root2"), hardlink("h", "etc/passwd")
)


class Notebook(Examination):
    """Writes down what it is shown."""

    def __init__(self, context: CheckContext) -> None:
        self.context = context

    def document(self, document: FoundDocument) -> Iterable[Remark]:
        yield Remark(f"{document.role} {'troubled' if document.trouble else 'fine'}")

    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Page()

    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        yield Remark("final " + " ".join(sorted(seen.path.decode() for seen in view.final())))


class Page(LayerExamination):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def entry(self, entry: Entry) -> Iterable[Remark]:
        self.seen.append(entry.path.decode())
        return ()

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        yield Remark(f"{facts.compression} {facts.entries}: {' '.join(self.seen)}")


def spec(name: str = "notebook", **fields: object) -> CheckSpec:
    defaults = {"severity": Severity.WARNING, "needs": Needs.CONTENT, "why": "", "example": "", "remedy": "mend it"}
    return CheckSpec(name, "a rule", "nowhere:Nothing", **{**defaults, **fields})  # type: ignore[arg-type]


def messages(content: object, *rules: object, **how: object) -> list[str]:
    return [found.message for found in outcome(content, *rules, **how).findings]  # type: ignore[arg-type]


def test_documents_layers_and_view_are_shown_once_and_in_order() -> None:
    told = messages(build_image([BASE, TOP]), (spec(), Notebook))
    assert told[:2] == ["manifest fine", "config fine"]
    assert told[2].startswith("gzip 10: etc etc/passwd")
    assert told[4] == "final abs bin etc etc/passwd h loop usr/bin usr/bin/sh var var/new"


def test_kinds_limit_what_a_rule_sees() -> None:
    told = messages(build_image([BASE]), (spec(kinds=frozenset({b"2"})), Notebook))
    assert told[2] == "gzip 10: bin abs loop"


def test_fast_asks_only_rules_that_need_documents() -> None:
    image = build_image([BASE])
    source = MemoryInput(image)
    assert messages(source, (spec(), Notebook), fast=True) == []
    assert messages(source, (spec(needs=Needs.DOCUMENTS), Notebook), fast=True) == ["manifest fine", "config fine"]
    assert source.reads == []


def test_layers_that_images_share_are_read_once() -> None:
    index = build_index([build_image([BASE]), build_image([BASE, TOP], platform=Platform("linux", "arm64"))])
    source = MemoryInput(index)
    outcome(source, (spec(), Notebook))
    assert len(source.reads) == 2


@pytest.mark.parametrize("moment", ["__init__", "document", "layer", "entry", "finish", "view"])
def test_a_rule_that_crashes_is_one_finding_and_stops_nobody_else(moment: str) -> None:
    def crash(*_: object) -> Iterable[Remark]:
        raise KeyError("oops")

    page = type("Bad", (Page,), {moment: crash}) if moment in ("entry", "finish") else Page
    body = {"layer": lambda *_: page()} if moment in ("entry", "finish") else {moment: crash}
    bad = type("BadNotebook", (Notebook,), body)
    found = outcome(build_image([BASE]), (spec("bad"), bad), (spec("good"), Notebook)).findings
    assert [each.severity for each in found if "the rule itself failed" in each.message] == [Severity.ERROR]
    assert [each.message for each in found if each.check == "good"] == messages(build_image([BASE]), (spec(), Notebook))


@pytest.mark.parametrize("moment", ["entry", "head", "trailing", "finish"])
def test_an_error_of_ours_that_a_rule_raises_is_the_rules_and_no_damage_of_the_layer(moment: str) -> None:
    def crash(*_: object) -> Iterable[Remark]:
        Digest.parse("nonsense")
        return ()

    bad = type("BadNotebook", (Notebook,), {"layer": lambda *_: type("Bad", (Page,), {moment: crash})()})
    layer = BASE + b"x" * 512
    rules = (spec("bad", head=4), bad), (spec("good"), Notebook)
    found = outcome(build_image([layer]), *rules)
    [failure] = [each for each in found.findings if "the rule itself failed" in each.message]
    assert failure.check == "bad"
    assert "'nonsense' is not a digest" in failure.message
    assert found.images[0].facts[0].damage is None
    assert [each.message for each in found.findings if each.check == "good"] == messages(
        build_image([layer]), (spec(), Notebook)
    )


def facts(content: object, **how: object) -> tuple[LayerFacts, ...]:
    return outcome(content, (spec(), Notebook), **how).images[0].facts  # type: ignore[arg-type]


class TestFacts:
    def test_of_a_sound_layer(self) -> None:
        image = build_image([BASE])
        [found] = facts(image)
        assert found.damage is None
        assert (found.digest, found.size) == (image.layers[0].descriptor.digest, image.layers[0].descriptor.size)
        assert (found.diff_id, found.unpacked) == (Digest.of(BASE), len(BASE))
        assert (found.compression, found.members, found.has_end, found.trailing_bytes) == (Compression.GZIP, 1, True, 0)

    def test_several_members_are_counted(self) -> None:
        blob = gzip.compress(BASE[:1000]) + gzip.compress(BASE[1000:])
        layer = build_layer(BASE)
        image = build_image(
            [
                type(layer)(
                    type(layer.descriptor)(layer.descriptor.media_type, Digest.of(blob), len(blob)),
                    blob,
                    BASE,
                    layer.diff_id,
                )
            ]
        )
        assert facts(image)[0].members == 2

    def test_a_bit_flip_is_damage_and_a_digest_of_its_own(self) -> None:
        image = build_image([BASE])
        blob = bytearray(image.layers[0].blob)
        blob[len(blob) // 2] ^= 1
        [found] = facts(MemoryInput(image, instead={image.layers[0].descriptor.digest: bytes(blob)}))
        assert found.damage is not None
        assert found.digest == Digest.of(bytes(blob))

    def test_a_blob_larger_than_it_should_be_is_not_read_to_its_end(self) -> None:
        image = build_image([BASE])
        longer = image.layers[0].blob + b"\0" * 1_000_000
        [found] = facts(MemoryInput(image, instead={image.layers[0].descriptor.digest: longer}))
        assert "larger than" in str(found.damage)

    def test_no_tar_at_all_is_still_measured(self) -> None:
        rubbish = b"no tar at all" * 100
        [found] = facts(build_image([rubbish]))
        assert found.damage is not None
        assert found.diff_id == Digest.of(rubbish)

    def test_a_missing_blob_is_damage(self) -> None:
        image = build_image([BASE])
        broken = MemoryInput(image)
        broken._blobs.clear()
        assert "there is no blob" in str(facts(broken)[0].damage)


class TestBrokenDocuments:
    def test_every_document_is_shown_with_its_trouble(self) -> None:
        image = build_image([BASE])
        not_json = b"{" + image.config.raw[1:-1] + b","
        source = MemoryInput(image, instead={image.config.digest: not_json})
        assert messages(source, (spec(), Notebook))[:2] == ["manifest fine", "config troubled"]

    def test_layers_are_read_though_the_config_is_lost(self) -> None:
        image = build_image([BASE])
        source = MemoryInput(image, instead={image.config.digest: b"\xff" * len(image.config.raw)})
        [found] = facts(source)
        assert found.entries == 10


class TestView:
    def view(self, *layers: bytes) -> View:
        found = outcome(build_image(layers), (spec(), Notebook)).images[0].view
        assert found is not None
        return found

    def test_symlinks_among_parents_and_at_the_end(self) -> None:
        view = self.view(BASE, TOP)
        assert view.find(b"bin/sh").path == b"usr/bin/sh"
        assert view.follow(b"abs").path == b"etc/passwd"
        assert view.find(b"abs").kind == b"2"
        assert view.follow(b"loop") is None
        assert view.find(b"/../etc/./passwd").layer == 1

    def test_whiteouts_and_opaque_directories_hide_lower_layers_only(self) -> None:
        view = self.view(BASE, TOP)
        assert view.find(b"etc/old") is None
        assert view.find(b"var/log") is None
        assert view.find(b"var/new").layer == 1
        assert view.below(1, b"etc/old").size == 5
        assert view.below(0, b"etc/old") is None

    def test_a_file_in_place_of_a_directory_takes_its_contents_away(self) -> None:
        view = self.view(BASE, layer_tar(file("etc", "now a file")))
        assert view.find(b"etc").kind == b"0"
        assert view.find(b"etc/passwd") is None

    def test_hidden_bytes_are_laid_at_the_layer_that_hides(self) -> None:
        assert self.view(BASE, TOP).hidden_bytes() == (0, len("root") + len("12345") + len("x"))

    def test_what_a_later_layer_brings_back_is_there(self) -> None:
        view = self.view(BASE, layer_tar(whiteout("etc")), layer_tar(file("etc/again", "y")))
        assert {seen.path for seen in view.final() if seen.path.startswith(b"etc")} == {b"etc/again"}


@pytest.mark.parametrize(
    ("own", "wanted", "expected"),
    [
        (None, Severity.ERROR, Severity.ERROR),
        (None, Severity.INFO, Severity.INFO),
        (Severity.ERROR, Severity.INFO, Severity.INFO),
        (Severity.ERROR, Severity.WARNING, Severity.WARNING),
        (Severity.INFO, Severity.ERROR, Severity.INFO),
        (Severity.WARNING, None, Severity.WARNING),
    ],
)
def test_a_wanted_severity_is_the_most_that_a_rule_may_say(
    own: Severity | None, wanted: Severity | None, expected: Severity
) -> None:
    class Says(Examination):
        def image(self, image: ImageUnderCheck) -> list[Remark]:
            return [Remark("so", severity=own)]

    severities = {"says": wanted} if wanted else {}
    (finding,) = outcome(build_image([]), (spec("says"), Says), severities=severities).findings
    assert finding.severity is expected
