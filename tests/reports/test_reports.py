"""Every form of a report: right for its reader, and safe whatever the image is called."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from occystrap_core.cli.reports import FORMATS, render
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.contracts import (
    CheckSpec,
    Entry,
    Examination,
    Finding,
    ImageUnderCheck,
    LayerExamination,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    Where,
)
from occystrap_core.engine.check import CheckOutcome
from occystrap_core.model.image import ImageName
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    Content,
    build_image,
    build_index,
    build_layer,
    file,
    layer_tar,
    opaque,
    whiteout,
)
from occystrap_core.testing.memory import MemoryInput
from tests.checks.rules import outcome, rules

EVIL = "\x1b[31m<script>alert(1)</script>\u202e&\"'%0A::error::\n"
LAYERS = [
    layer_tar(file("etc/app.conf", "a" * 5000), file("var/cache/x", "b" * 9000), file("kept", "k")),
    layer_tar(file("etc/app.conf", "c" * 100), opaque("var/cache"), whiteout("nothing"), file(f"odd{EVIL}", "d")),
]


class Complaints(Examination):
    def image(self, image: ImageUnderCheck) -> list[Remark]:
        return [Remark(f"about the image {EVIL}")]

    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Odd()


class Odd(LayerExamination):
    def entry(self, entry: Entry) -> list[Remark]:
        if not entry.path.startswith(b"odd"):
            return []
        return [Remark("an odd name", Where(entry=entry.path.decode()), Severity.ERROR)]


def spec(name: str, severity: Severity) -> CheckSpec:
    return CheckSpec(
        name, f"title of {name}", "x:y", severity, Needs.HEADERS, why="it matters", example="FROM x", remedy="mend it"
    )


ALL = tuple(each.name for each, _ in rules())
COMPLAINTS, CONTENT = spec("complaints", Severity.WARNING), spec("content", Severity.INFO)


def report(content: Content | None = None) -> CheckReport:
    found = outcome(content or build_image(LAYERS), (COMPLAINTS, Complaints), (CONTENT, Examination))
    rules = {each.name: each for each in (COMPLAINTS, CONTENT)}
    return CheckReport("tar://app.tar", ImageName(f"app{EVIL}", "v1"), False, found, rules)


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "html"])
def test_nothing_of_the_image_steers_a_terminal_or_begins_a_line(form: str) -> None:
    text = render(report(), form)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert not [line for line in text.splitlines()[:-1] if line.startswith("::error::")]


def test_text_groups_by_severity_and_ends_with_the_counts() -> None:
    lines = render(report(), "text").splitlines()
    assert lines[0] == "Errors:"
    assert lines[1].startswith("  [complaints] layer 2, odd\\x1b[31m<script>")
    assert lines[2:4] == ["", "Warnings:"]
    assert lines[-1] == "Check complete (full): 1 error(s), 1 warning(s)"


def test_a_path_that_the_message_names_is_not_said_twice() -> None:
    twice = build_image([layer_tar(file("etc/motd", "a"), file("etc/motd", "b"))])
    shown = CheckReport("tar://a.tar", ImageName("a"), False, outcome(twice, "tar-duplicate"), {})
    assert render(shown, "text").splitlines()[1] == "  [tar-duplicate] layer 1: etc/motd is in the layer twice"


def test_json_keeps_the_old_keys_and_adds_the_place() -> None:
    shown = json.loads(render(report(), "json"))
    assert (shown["tag"], shown["mode"], shown["errors"], shown["warnings"]) == ("v1", "full", 1, 1)
    [error] = [result for result in shown["results"] if result["severity"] == "error"]
    assert (error["check"], error["title"], error["remediation"]) == ("complaints", "title of complaints", "mend it")
    assert error["where"]["layer"] == 1
    assert error["where"]["entry"] == f"odd{EVIL}"


def test_sarif_names_rules_levels_and_places() -> None:
    shown = json.loads(render(report(), "sarif"))
    assert shown["version"] == "2.1.0"
    [run] = shown["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["complaints", "content"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "app.tar"
    [error] = [result for result in run["results"] if result["level"] == "error"]
    assert [each["kind"] for each in error["locations"][0]["logicalLocations"]] == ["manifest", "layer", "entry"]


def test_junit_has_a_case_for_every_rule_and_fails_those_with_errors() -> None:
    root = ElementTree.fromstring(render(report(), "junit"))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(cases) == {"complaints", "content"}
    failure = cases["complaints"].find("failure")
    assert failure is not None and failure.get("message") == "an odd name"
    assert "warning: about the image" in (cases["complaints"].findtext("system-out") or "")
    assert list(cases["content"]) == []
    assert root.find("testsuite").attrib["failures"] == "1"


def test_junit_fails_what_the_exit_code_fails() -> None:
    root = ElementTree.fromstring(render(replace(report(), fail_on="warning"), "junit"))
    failure = root.find("testsuite/testcase[@name='complaints']/failure")
    assert failure is not None and failure.get("message", "").startswith("about the image")
    assert "an odd name" in (failure.text or "")
    lenient = ElementTree.fromstring(render(replace(report().narrowed(is_no_error), fail_on="warning"), "junit"))
    assert lenient.find("testsuite").attrib["failures"] == "1"


def test_findings_at_one_place_have_fingerprints_of_their_own_in_sarif() -> None:
    twice = report()
    twice = replace(twice, outcome=replace(twice.outcome, findings=twice.findings * 2))
    [run] = json.loads(render(twice, "sarif"))["runs"]
    prints = [result["partialFingerprints"]["occystrap/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    [run] = json.loads(render(report(), "sarif"))["runs"]
    assert [result["partialFingerprints"]["occystrap/v1"] for result in run["results"]] == prints[: len(prints) // 2]


def is_no_error(finding: Finding) -> bool:
    return finding.severity is not Severity.ERROR


def test_github_annotations_escape_what_means_something_there() -> None:
    lines = render(report(), "github").splitlines()
    assert lines[0].startswith("::warning title=complaints%3A title of complaints::tar://app.tar: about the image ")
    assert "%250A" in lines[0]
    assert lines[1].startswith("::error title=")


def test_what_is_said_for_information_is_no_annotation_on_github() -> None:
    found = outcome(build_image(LAYERS), "rootfs-type")
    shown = CheckReport(
        "tar://a.tar", ImageName("a"), False, found, {"rootfs-type": spec("rootfs-type", Severity.ERROR)}
    )
    assert render(shown, "github").splitlines() == [
        '  [rootfs-type] rootfs.type is "layers"',
        "Checked tar://a.tar: 0 error(s), 0 warning(s)",
    ]


def html_of(found: CheckOutcome, *names: str, source: str = "tar://app.tar") -> str:
    asked = {each.name: each for each, _ in rules(*names)}
    return render(CheckReport(source, ImageName("app"), False, found, asked), "html")


def browse(folder: Path, *arguments: str) -> str:
    """What a headless Chromium prints."""
    browser = shutil.which("chromium") or "chromium"
    quiet = "--disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync"
    common = [browser, "--headless", "--no-sandbox", *quiet.split(), f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run([*common, *arguments], capture_output=True, text=True, timeout=90, check=True)
    return done.stdout


class TestHtml:
    def test_it_needs_nothing_from_elsewhere(self) -> None:
        page = render(report(), "html")
        assert not re.search(r"src=|href=\"[^#]|@import|url\(", page)
        assert "<script>alert" not in page
        assert "<script" not in page

    def test_it_shows_layers_and_what_each_does(self) -> None:
        page = render(report(), "html")
        assert "adds 3 (13.7 KB)" in page
        assert "writes anew 1 (100 B)" in page
        assert "deletes 1 (8.8 KB)" in page
        assert "takes 13.7 KB of lower layers out of sight" in page

    def test_each_image_of_an_index_has_its_place(self) -> None:
        index = build_index([build_image(LAYERS[:1]), build_image(LAYERS, platform=Platform("linux", "arm64"))])
        page = render(report(index), "html")
        assert page.index("<h2>linux/amd64</h2>") < page.index("<h2>linux/arm64</h2>")

        for number in (1, 2):
            assert page.count(f'href="#image-{number}"') == page.count(f'id="image-{number}"') == 1

    def test_findings_about_layers_are_there_where_no_layer_was_read_to_its_end(self) -> None:
        image = build_image(LAYERS)
        damaged = MemoryInput(image, instead={image.layers[0].descriptor.digest: b"damaged"})
        page = html_of(outcome(damaged, "blob-size"), "blob-size")
        assert "2 layers, " in page and " as far as they could be read." in page
        assert "<b>blob-size</b></p>\n<p>" in page

    def test_fast_shows_the_layers_as_the_documents_tell_of_them(self) -> None:
        foreign = build_layer(LAYERS[0], extra={"urls": ["https://example.com/l"]})
        page = html_of(outcome(build_image([foreign]), "nondistributable", fast=True), "nondistributable")
        assert re.search(r"1 layer, \S+ \S+ as stored\.", page)
        assert "the layer has urls" in page

    def test_what_is_wrong_comes_before_the_layers_and_information_is_folded_away(self) -> None:
        page = html_of(outcome(build_image(LAYERS), "rootfs-type", "port-syntax"), "rootfs-type", "port-syntax")
        assert '<details class="asides"><summary>1 for information</summary>' in page
        assert '<span class="badge error none"><b>0</b> errors</span>' in page

    @pytest.mark.peer("chromium")
    @pytest.mark.parametrize("width", [400, 1000])
    def test_nothing_runs_out_of_the_page_however_narrow(self, tmp_path: Path, width: int) -> None:
        long = build_image([layer_tar(file("deep/" * 60 + "x" * 200, "d"), file("a", mtime=-5), file(f"b{'c' * 240}"))])
        page = html_of(outcome(long, *ALL), *ALL, source=f"registry://{'long' * 60}/image")
        measure = "document.body.dataset.wide = document.documentElement.scrollWidth - innerWidth"
        target = tmp_path / "report.html"
        target.write_text(
            page.replace("<details>", "<details open>").replace("</body>", f"<script>{measure}</script></body>")
        )
        shown = browse(tmp_path, f"--window-size={width},900", "--dump-dom", target.as_uri())
        assert int(re.findall(r'data-wide="(-?\d+)"', shown)[0]) <= 0

    @pytest.mark.peer("chromium")
    def test_a_browser_shows_it_as_it_is_meant(self, tmp_path: Path) -> None:
        target = tmp_path / "report.html"
        target.write_text(render(report(), "html"))
        shown = browse(tmp_path, "--dump-dom", target.as_uri())
        assert "This image is broken." in shown
        assert "&lt;script&gt;" in shown
        picture = tmp_path / "report.png"
        browse(tmp_path, "--window-size=900,900", f"--screenshot={picture}", target.as_uri())
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 20_000


def test_text_names_the_layer_once() -> None:
    first, *_ = report().findings
    said = replace(first, message="layer 2 of the manifest has no size", where=Where(layer=1))
    text = render(replace(report(), outcome=replace(report().outcome, findings=(said,))), "text")
    assert f"[{first.check}] layer 2 of the manifest has no size" in text
