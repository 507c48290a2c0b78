"""`occystrap check` as a person uses it: asking for rules, and what the exit code says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from occystrap_core.testing.build import build_image, layer_tar
from tests.end_to_end.images import write_layout
from tests.peers import Result, run_cli, run_tool

CLEAN = "sample://demo"
KEYS = {"check", "title", "severity", "needs", "why", "example", "remediation"}


@pytest.fixture(scope="module")
def warned(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with one warning and no error."""
    image = build_image([layer_tar(("a", "1"))], config={"config": {"WorkingDir": "srv"}})
    return write_layout(tmp_path_factory.mktemp("warned") / "image", image)


def ended(result: Result, code: int, *words: str) -> None:
    assert result.returncode == code, result.stderr
    assert not [word for word in words if word not in result.stdout + result.stderr]
    assert "Traceback" not in result.stderr


class TestExitCodes:
    def test_0_where_nothing_is_at_the_level_that_counts(self, warned: str) -> None:
        ended(run_cli("check", CLEAN), 0, "0 error(s), 0 warning(s)")
        ended(run_cli("check", warned), 0, "0 error(s), 1 warning(s)", "[workdir-relative]")

    def test_1_where_something_is(self, warned: str) -> None:
        ended(run_cli("check", warned, "--fail-on", "warning"), 1)
        ended(run_cli("check", warned, "--severity", "workdir-relative=error"), 1, "1 error(s), 0 warning(s)")

    def test_0_again_where_the_rule_is_left_out_or_weighs_less(self, warned: str) -> None:
        ended(run_cli("check", warned, "--fail-on", "warning", "--ignore", "workdir-relative"), 0)
        ended(run_cli("check", warned, "--fail-on", "warning", "--severity", "workdir-relative=info"), 0)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((), "Missing argument 'SOURCE'"),
            ((CLEAN, "--select", "diff-id,layer-cout"), "did you mean 'layer-count'?"),
            ((CLEAN, "--ignore", "nothing-like-it"), "--list-rules shows them all"),
            ((CLEAN, "--severity", "diff-id=grave"), "a level is error, warning or info"),
            ((CLEAN, "--severity", "difid=error"), "did you mean 'diff-id'?"),
            ((CLEAN, "--select", "diff-id", "--ignore", "diff-id"), "--ignore takes away what --select names"),
            ((CLEAN, "--fast", "--select", "diff-id"), "diff-id would have to read layers"),
            ((CLEAN, "--targets", "docker=20"), "write targets as ENGINE>=VERSION"),
            ((CLEAN, "--targets", "dockr>=20"), "did you mean 'docker'?"),
            ((CLEAN, "--targets", "nothing>=20"), "known are docker, "),
            ((CLEAN, "--fail-on", "info"), "'info' is not one of 'error', 'warning'"),
            (("--explain", "dif-id"), "did you mean 'diff-id'?"),
            (("--list-rules", "-O", "sarif"), "--list-rules knows no format 'sarif'"),
            (("nowhere://x",), "unknown source scheme 'nowhere'"),
        ],
    )
    def test_2_where_it_was_asked_wrongly(self, arguments: tuple[str, ...], words: str) -> None:
        ended(run_cli("check", *arguments), 2, words)

    def test_3_where_the_image_could_not_be_looked_at(self, tmp_path: Path) -> None:
        ended(run_cli("check", f"tar://{tmp_path}/none.tar"), 3, "does not exist")
        ended(run_cli("check", "registry://127.0.0.1:9/a", "--insecure", "--retries", "0"), 3, "127.0.0.1:9")


class TestABrokenBeginning:
    """Archives and layouts whose own list of images is broken: a finding like any other."""

    @pytest.fixture
    def archive(self, tmp_path: Path) -> str:
        (tmp_path / "manifest.json").write_text('[{"Config":"c.json",')
        run_tool("tar", "-C", str(tmp_path), "-cf", str(tmp_path / "cut.tar"), "manifest.json")
        return f"tar://{tmp_path}/cut.tar"

    def test_it_is_a_finding_in_every_format(self, archive: str) -> None:
        ended(run_cli("check", archive), 1, "[document-unreadable] ", "manifest.json is not valid JSON", "1 error(s)")
        report = json.loads(run_cli("check", archive, "-O", "json").stdout)
        assert (report["image"], report["errors"], report["results"][0]["check"]) == (
            "cut.tar",
            1,
            "document-unreadable",
        )
        for form in ("sarif", "junit", "github", "html"):
            ended(run_cli("check", archive, "-O", form), 1, "document-unreadable", "manifest.json is not valid JSON")

    def test_a_layout_with_a_broken_index_is_one_too(self, tmp_path: Path) -> None:
        (tmp_path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (tmp_path / "index.json").write_text('{"manifests": [')
        ended(run_cli("check", f"ocidir://{tmp_path}"), 1, "[document-unreadable] ", "is not valid JSON")

    def test_nothing_could_be_checked_where_that_rule_is_not_asked(self, archive: str) -> None:
        ended(run_cli("check", archive, "--select", "diff-id"), 3, "manifest.json is not valid JSON")


class TestRulesSpeakForThemselves:
    def test_as_text(self) -> None:
        ended(run_cli("check", "--list-rules"), 0, "| diff-id ", "| Severity |")
        ended(run_cli("check", "--explain", "diff-id"), 0, "Why it matters: ", "Example: ", "What to do: ")

    def test_as_json(self) -> None:
        rules = json.loads(run_cli("check", "--list-rules", "-O", "json").stdout)
        assert len(rules) > 120
        assert all(set(rule) == KEYS and all(rule.values()) for rule in rules)
        explained = json.loads(run_cli("check", "--explain", "diff-id", "-O", "json").stdout)
        assert explained == next(rule for rule in rules if rule["check"] == "diff-id")

    def test_an_explanation_goes_before_the_list(self) -> None:
        ended(run_cli("check", "--list-rules", "--explain", "diff-id"), 0, "Why it matters: ")
