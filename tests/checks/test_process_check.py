"""`process --check`: what is written is judged as `check` would judge it, without being read again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from occystrap_core.contracts import (
    CheckContext,
    CheckSpec,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
)
from occystrap_core.contracts.finding import Finding
from occystrap_core.engine.check import Rule
from occystrap_core.engine.judged_pass import NOT_JUDGED, Judging
from occystrap_core.engine.layer_cache import LayerCache
from occystrap_core.engine.layer_scan import LayerScan
from occystrap_core.engine.outcome import Outcome
from occystrap_core.model.errors import OccystrapError, TransferError
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    Content,
    build_artifact,
    build_image,
    build_index,
    build_layer,
    directory,
    file,
    layer_tar,
    whiteout,
)
from occystrap_core.testing.memory import MemoryInput, MemoryOutput, MemoryStore
from tests.checks.rules import NOW, outcome, rules
from tests.cli.conftest import Run, quiet_surroundings
from tests.cli.conftest import run as on_command_line
from tests.engine.runs import ALL, Append, Drop, PlainFilter, Touch, run

__all__ = ["on_command_line", "quiet_surroundings"]

BASE = layer_tar(directory("etc"), file("etc/passwd", "root"), file("etc/key", "-----BEGIN PRIVATE KEY-----"))
TOP = layer_tar(directory("etc"), whiteout("etc/key"), file("etc/motd", "hello"))
IMAGE = build_image([BASE, TOP])


class NoAppendix(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Pages()


class Pages(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        return (Remark("there is an appendix"),) if entry.path == b"appendix" else ()

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        assert facts.layer.descriptor is not None
        return (Remark(f"{facts.layer.descriptor.digest} {facts.layer.diff_id}", severity=Severity.INFO),)


def appendix_rule(check: type[Examination] = NoAppendix) -> Rule:
    return (
        CheckSpec(
            "no-appendix",
            "nothing is appended",
            "",
            Severity.ERROR,
            Needs.HEADERS,
            why="",
            example="",
            remedy="mend it",
        ),
        check,
    )


def judged(content: Content | MemoryInput, *filters: PlainFilter, by: Iterable[Rule] = (), **how: object) -> Outcome:
    judging = Judging(tuple(by) or rules(), CheckContext(now=NOW))
    return run(content, *filters, judging=judging, **how)  # type: ignore[arg-type]


def findings(done: Outcome) -> tuple[Finding, ...]:
    assert done.check is not None
    return done.check.findings


def said(done: Outcome) -> list[str]:
    return [f"{found.severity}: {found.message}" for found in findings(done) if found.severity is not Severity.INFO]


SHARED = build_index([IMAGE, build_image([BASE, layer_tar(file("a", "b"))], platform=Platform("linux", "arm64"))])
WAYS: dict[str, tuple[Content, tuple[PlainFilter, ...], dict[str, object]]] = {
    "a copy": (IMAGE, (), {}),
    "a filter that changes nothing": (IMAGE, (PlainFilter(),), {}),
    "a filter that changes everything": (IMAGE, (Touch(7),), {}),
    "a filter that changes one layer": (IMAGE, (Drop("etc/motd"),), {}),
    "other compression": (IMAGE, (), {"convert": Compression.ZSTD}),
    "no compression": (IMAGE, (Touch(7),), {"convert": Compression.NONE}),
    "other media types": (IMAGE, (), {"family": Family.OCI}),
    "the same layer twice": (build_image([BASE, BASE]), (Touch(9),), {}),
    "several images": (SHARED, (), {}),
    "several images, filtered": (SHARED, (Touch(3),), {}),
    "attestations": (build_index([IMAGE], attest=True), (), {}),
    "an artifact": (build_artifact({"text/plain": b"hello"}), (), {}),
    "a layer of another name": (build_image([build_layer(BASE, media_type="application/x-odd")]), (), {}),
    "no layers": (build_image([]), (), {}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_verdict_is_that_of_check_on_the_result(way: str) -> None:
    content, filters, form = WAYS[way]
    source, output = MemoryInput(content), MemoryOutput(**form)  # type: ignore[arg-type]
    done = judged(source, *filters, output=output, selection=ALL)
    assert sorted(map(repr, findings(done))) == sorted(map(repr, outcome(MemoryInput(output.store.image())).findings))
    unjudged = MemoryInput(content)
    run(unjudged, *filters, output=MemoryOutput(**form), selection=ALL)  # type: ignore[arg-type]
    assert sorted(source.reads, key=str) == sorted(unjudged.reads, key=str)


def test_what_a_filter_breaks_is_found_where_it_was_written() -> None:
    done = judged(IMAGE, Append(b"appendix"), by=[appendix_rule()])
    broken = [found for found in findings(done) if found.severity is Severity.ERROR]
    assert [(found.message, found.where.layer) for found in broken] == [("there is an appendix", at) for at in (0, 1)]
    assert {found.where.manifest for found in broken} == {str(done.images[0].manifest.digest)}


def test_the_layer_a_rule_concludes_about_is_the_one_that_was_written() -> None:
    done = judged(IMAGE, Touch(5), by=[appendix_rule()])
    told = [found.message for found in findings(done)]
    assert told == [f"{layer.blob.digest} {layer.diff_id}" for layer in done.images[0].layers]


def test_a_fault_keeps_nothing_from_being_written() -> None:
    output = MemoryOutput()
    done = judged(IMAGE, Append(b"appendix"), by=[appendix_rule()], output=output)
    assert said(done) == ["error: there is an appendix"] * 2
    assert output.store.image().root == done.receipt.root


@pytest.mark.parametrize("moment", ["__init__", "document", "layer", "view"])
def test_a_rule_that_crashes_is_a_finding(moment: str) -> None:
    def crash(*_: object) -> Iterable[Remark]:
        raise KeyError("oops")

    done = judged(IMAGE, by=[appendix_rule(type("Bad", (NoAppendix,), {moment: crash}))])
    assert [line for line in said(done) if "the rule itself failed" in line] == said(done) != []


class TestWhatTheDestinationHas:
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore().add(IMAGE)

    def test_is_read_for_the_rules_where_it_is_the_sources_own(self, store: MemoryStore) -> None:
        source = MemoryInput(IMAGE)
        done = judged(source, output=MemoryOutput(store))
        assert all(layer.reused for layer in done.images[0].layers)
        assert findings(done) == outcome(MemoryInput(IMAGE)).findings
        assert len(source.reads) == 2

    def test_cannot_be_judged_where_the_source_is_read_only_once(self, store: MemoryStore) -> None:
        done = judged(MemoryInput(IMAGE, reopenable=False), output=MemoryOutput(store))
        missed = [found for found in findings(done) if found.check == NOT_JUDGED.name]
        assert [(found.severity, found.where.layer) for found in missed] == [(Severity.INFO, at) for at in (0, 1)]
        assert "the destination had it already" in missed[0].message
        assert said(done) == []

    def test_cannot_be_judged_where_the_layer_cache_knew_it(self, tmp_path: Path) -> None:
        store, path = MemoryStore(), tmp_path / "cache.json"
        run(IMAGE, Touch(7), output=MemoryOutput(store), layer_cache=LayerCache(path))
        done = judged(IMAGE, Touch(7), output=MemoryOutput(store), layer_cache=LayerCache(path))
        assert [found.check for found in findings(done)].count(NOT_JUDGED.name) == 2
        assert "not-judged" not in {found.check for found in findings(judged(IMAGE, Touch(7)))}


def test_a_judge_that_breaks_down_breaks_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks_down(self: LayerScan, chunks: Iterable[bytes], expected: object) -> None:
        next(iter(chunks))
        raise MemoryError("too much")

    monkeypatch.setattr(LayerScan, "read", breaks_down)
    output = MemoryOutput()
    done = judged(IMAGE, Touch(7), output=output)
    assert output.store.image().root == done.receipt.root
    missed = [found for found in findings(done) if found.check == NOT_JUDGED.name]
    assert [found.severity for found in missed] == [Severity.ERROR] * 2
    assert "MemoryError: too much" in missed[0].message


@pytest.mark.parametrize("fail_at", ["put_blob", "keep", "put_document", "commit"])
def test_a_transfer_that_fails_leaves_no_thread_behind(fail_at: str) -> None:
    output = MemoryOutput(fail_at=fail_at)
    with pytest.raises(TransferError, match="no space left"):
        judged(IMAGE, output=output)
    assert output.aborted
    assert not [thread for thread in threading.enumerate() if thread.name in ("onlooker", "relay")]


def test_a_source_that_fails_midway_leaves_no_thread_behind() -> None:
    source = MemoryInput(IMAGE, fail_after={IMAGE.layers[0].descriptor.digest: 50}, chunk_size=16)
    with pytest.raises(OccystrapError, match="the connection was lost"):
        judged(source)
    assert not [thread for thread in threading.enumerate() if thread.name in ("onlooker", "relay")]


class TestTheCommand:
    def test_findings_make_the_exit_code_and_the_image_is_there(self, on_command_line: Run, tmp_path: Path) -> None:
        layout = f"ocidir://{tmp_path}/images:demo"
        write = ("process", "sample://", layout, "--check", "-f", "normalize-timestamps:ts=4102444800")
        assert on_command_line(*write).code == 0
        picky = on_command_line(*write, "--fail-on", "warning")
        later = on_command_line("check", layout, "--fail-on", "warning")
        assert picky.code == later.code == 1
        assert "[mtime-range]" in picky.err
        assert picky.err.splitlines()[-1] == later.out.splitlines()[-1]

    def test_json_has_what_check_says_of_the_result(self, on_command_line: Run, tmp_path: Path) -> None:
        layout = f"ocidir://{tmp_path}/images:demo"
        done = json.loads(on_command_line("process", "sample://", layout, "--check", "-O", "json").out)
        later = json.loads(on_command_line("check", layout, "-O", "json").out)
        assert done["check"]["errors"] == later["errors"]
        assert sorted(map(json.dumps, done["check"]["results"])) == sorted(map(json.dumps, later["results"]))

    @pytest.mark.parametrize(
        "asked",
        [
            ("--ignore", "mtime-range", "--fail-on", "warning"),
            ("--select", "mtime-range,diff-id"),
            ("--severity", "mtime-range=error"),
            ("--targets", "docker>=17.05", "--select", "oci-compat,layer-depth"),
        ],
        ids=lambda asked: asked[0],
    )
    def test_rules_are_chosen_as_for_check(self, asked: tuple[str, ...], on_command_line: Run, tmp_path: Path) -> None:
        layout = f"ocidir://{tmp_path}/images:demo"
        write = ("process", "sample://", layout, "--check", "-f", "normalize-timestamps:ts=4102444800", "-O", "json")
        done, later = on_command_line(*write, *asked), on_command_line("check", layout, "-O", "json", *asked)
        written, read = json.loads(done.out)["check"]["results"], json.loads(later.out)["results"]
        assert sorted(map(json.dumps, written)) == sorted(map(json.dumps, read))
        assert done.code == later.code

    @pytest.mark.parametrize(
        "asked",
        [("--select", "x"), ("--ignore", "diff-id"), ("--severity", "diff-id=info"), ("--targets", "docker>=20.10")],
    )
    def test_what_is_about_check_wants_check(
        self, asked: tuple[str, ...], on_command_line: Run, tmp_path: Path
    ) -> None:
        refused = on_command_line("process", "sample://", f"tar://{tmp_path}/b.tar", *asked)
        assert refused.code == 2
        assert f"{asked[0]} is about --check" in refused.err
        assert not (tmp_path / "b.tar").exists()

    def test_a_rule_that_nobody_knows_is_told_before_anything_is_written(
        self, on_command_line: Run, tmp_path: Path
    ) -> None:
        refused = on_command_line("process", "sample://", f"tar://{tmp_path}/b.tar", "--check", "--select", "diffid")
        assert refused.code == 2
        assert "did you mean 'diff-id'?" in refused.err
        assert not (tmp_path / "b.tar").exists()

    def test_without_check_nobody_judges(self, on_command_line: Run, tmp_path: Path) -> None:
        plain = json.loads(on_command_line("process", "sample://", f"tar://{tmp_path}/a.tar", "-O", "json").out)
        assert plain["check"] is None
        asked = on_command_line("process", "sample://", f"tar://{tmp_path}/b.tar", "--fail-on", "warning")
        assert asked.code == 2
        assert "--check" in asked.err
