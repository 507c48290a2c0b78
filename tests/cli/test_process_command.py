"""`occystrap process`: what it says, where it says it, and how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.cli.opening import find_verifiers
from occystrap_core.cli.session import Session
from tests.cli.conftest import Ran, Run, Site
from tests.peers import run_cli

SUMMARY = re.compile(r"Summary: (\d+) layers, (\d+ B|\d+\.\d [KMG]B), \d+\.\ds(, .+)?\n")
SUSPICIOUS = """
    from occystrap_core.contracts import Finding, Severity, VerifierSpec, hookimpl

    @hookimpl
    def occystrap_verifiers():
        yield VerifierSpec("suspicious", "never content", "acme_plugin:Suspicious", schemes=("tar",))

    class Suspicious:
        def verify(self, written, depth):
            yield Finding("acme.no", Severity.ERROR, f"{written.receipt.name} looks wrong\\x1b[31m", remediation="look")
            yield Finding("acme.hm", Severity.WARNING, f"a {depth} look was not enough")
            yield Finding("acme.ok", Severity.INFO, "by the way")
"""


@pytest.fixture
def archive(tmp_path: Path, run: Run) -> Path:
    path = tmp_path / "sample.tar"
    assert run("process", "sample://app:1?layers=2&files=3", f"tar://{path}").code == 0
    return path


def parsed(ran: Ran) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(ran.out)
    return result


def test_a_transfer_says_one_line_on_stderr_and_nothing_on_stdout(run: Run, tmp_path: Path) -> None:
    ran = run("process", "sample://?layers=2&files=3", f"tar://{tmp_path}/out.tar")
    assert (ran.code, ran.out) == (0, "")
    match = SUMMARY.fullmatch(ran.err)
    assert match, ran.err
    assert (match[1], match[3]) == ("2", ", verified OK")


def test_the_size_in_the_summary_is_true(run: Run, tmp_path: Path) -> None:
    destination = tmp_path / "out.tar"
    result = parsed(run("process", "sample://", f"tar://{destination}", "-O", "json"))
    with tarfile.open(destination) as opened:
        stored = sum(
            member.size for member in opened if member.isreg() and member.name not in ("manifest.json", "repositories")
        )
    assert result["size"] == stored


def test_without_verification_it_is_not_claimed(run: Run, tmp_path: Path) -> None:
    ran = run("process", "sample://", f"tar://{tmp_path}/out.tar", "--no-verify")
    match = SUMMARY.fullmatch(ran.err)
    assert match
    assert match[3] is None


def test_quiet_says_nothing(run: Run, tmp_path: Path) -> None:
    assert run("-q", "process", "sample://", f"tar://{tmp_path}/out.tar") == Ran(0, "", "")


def test_verbose_tells_of_every_layer(run: Run, tmp_path: Path) -> None:
    ran = run("process", "-v", "sample://?layers=2", f"tar://{tmp_path}/out.tar")
    assert sorted(re.findall(r"^layer (\d) \(sha256:[0-9a-f]{12}\): .+$", ran.err, re.MULTILINE)) == ["1", "2"]


def test_what_a_filter_reports_is_the_result_and_goes_to_stdout(run: Run, archive: Path, tmp_path: Path) -> None:
    ran = run("process", f"tar://{archive}", f"tar://{tmp_path}/out.tar", "-f", "search:pattern=*file1*")
    assert ran.code == 0
    assert re.search(r"^  \S*file1\S* \(file, \d+ bytes\)$", ran.out, re.MULTILINE)
    assert SUMMARY.fullmatch(ran.err)


def test_the_whole_result_as_json(run: Run, archive: Path, tmp_path: Path) -> None:
    ran = run(
        "process", f"tar://{archive}", f"ocidir://{tmp_path}/layout:two", "-O", "json",
        "-f", "exclude:pattern=**/*file0*", "-f", "search:pattern=**/*file1*",
    )  # fmt: skip
    result = parsed(ran)
    assert ran.code == 0
    assert result["version"] == 1
    assert (result["source"], result["destination"]) == (f"tar://{archive}", f"ocidir://{tmp_path}/layout:two")
    assert result["layer_count"] == 2
    assert [each["name"] for each in result["filters"]] == ["exclude", "search"]
    assert result["filters"][1]["data"]
    assert result["verification"] == {"depth": "quick", "errors": 0, "warnings": 0, "findings": []}
    assert 0 < result["seconds"]["transfer"] <= result["seconds"]["total"]
    [image] = result["images"]
    assert image["platform"] == "linux/amd64"
    assert image["changed"] is True
    index = json.loads((tmp_path / "layout" / "index.json").read_bytes())
    assert result["digest"] == image["digest"] == index["manifests"][0]["digest"]
    manifest = json.loads((tmp_path / "layout" / "blobs" / "sha256" / image["digest"][7:]).read_bytes())
    config = json.loads((tmp_path / "layout" / "blobs" / "sha256" / image["config_digest"][7:]).read_bytes())
    assert [layer["digest"] for layer in image["layers"]] == [layer["digest"] for layer in manifest["layers"]]
    assert [layer["size"] for layer in image["layers"]] == [layer["size"] for layer in manifest["layers"]]
    assert [layer["diff_id"] for layer in image["layers"]] == config["rootfs"]["diff_ids"]
    for position, layer in enumerate(image["layers"]):
        assert layer["index"] == position
        assert (layer["changed"], layer["reused"], layer["recompressed"]) == (True, False, False)
        assert layer["entries"]["dropped"] > 0
        assert layer["entries"]["in"] == layer["entries"]["out"] + layer["entries"]["dropped"]


def test_json_tells_recompressed_from_changed_and_from_reused(run: Run, archive: Path, tmp_path: Path) -> None:
    layout = f"ocidir://{tmp_path}/layout"

    def marks() -> set[tuple[bool, bool, bool]]:
        layers = parsed(run("process", f"tar://{archive}", layout, "-O", "json"))["images"][0]["layers"]
        return {(layer["changed"], layer["recompressed"], layer["reused"]) for layer in layers}

    assert marks() == {(False, True, False)}


def test_findings_are_listed_and_the_exit_code_is_1(run: Run, site: Site, tmp_path: Path) -> None:
    site.install("acme", offers={"verifiers": {"suspicious": "acme_plugin"}}, acme_plugin=SUSPICIOUS)
    ran = run("process", "sample://app:1", f"tar://{tmp_path}/out.tar")
    assert ran.code == 1
    lines = ran.err.splitlines()
    assert lines[0] == "Warning: Verify: a quick look was not enough"
    assert SUMMARY.fullmatch(f"{lines[1]}\n")
    assert lines[1].endswith(", 1 verify errors")
    assert lines[2:] == ["Verification errors:", r"  app:1 looks wrong\x1b[31m"]
    assert (tmp_path / "out.tar").exists()


def test_findings_in_json(run: Run, site: Site, tmp_path: Path) -> None:
    site.install("acme", offers={"verifiers": {"suspicious": "acme_plugin"}}, acme_plugin=SUSPICIOUS)
    ran = run("process", "sample://app:1", f"tar://{tmp_path}/out.tar", "-O", "json", "--verify-full")
    verification = parsed(ran)["verification"]
    assert (ran.code, verification["depth"], verification["errors"], verification["warnings"]) == (1, "full", 1, 1)
    assert verification["findings"][0] == {
        "check": "acme.no",
        "severity": "error",
        "message": "app:1 looks wrong\x1b[31m",
        "where": {},
        "remediation": "look",
    }


def test_who_compares_everything_looks_before_the_destinations_own_verifier() -> None:
    with Session([]) as session:
        for scheme in ("registry", "tar", "ocidir", "dir"):
            assert [name for name, _ in find_verifiers(session.plugins, scheme)] == ["fidelity", scheme]


def test_a_broken_verifier_is_a_warning_unless_strict(run: Run, site: Site, tmp_path: Path) -> None:
    site.install("acme", offers={"verifiers": {"suspicious": "acme_plugin"}}, acme_plugin="import no_such_thing")
    ran = run("process", "sample://", f"tar://{tmp_path}/out.tar")
    assert ran.code == 0
    assert ran.err.startswith("Warning: verifier 'suspicious' of acme 1.0 cannot be loaded: ModuleNotFoundError")
    strict = run("process", "sample://", f"tar://{tmp_path}/strict.tar", "--strict-plugins")
    assert strict.code == 3
    assert strict.err.startswith("Error: verifier 'suspicious' of acme 1.0 cannot be loaded")
    assert not (tmp_path / "strict.tar").exists()


def test_a_single_image_is_for_the_platform_that_is_named(run: Run, tmp_path: Path) -> None:
    windows = ("process", "sample://?platforms=windows/amd64", f"ocidir://{tmp_path}/w")
    assert "Warning: the source is a single image for windows/amd64, not for linux/amd64" in run(*windows).err
    for named in (("--platform", "linux/amd64"), ("--os", "linux"), ("--architecture", "amd64")):
        ran = run(*windows, *named)
        assert (ran.code, ran.err) == (3, "Error: source: no image for linux/amd64 (it has windows/amd64)\n")
    assert run(*windows, "--platform", "linux/amd64", "--platform", "windows/amd64").code == 0


def test_another_platform_than_the_default(run: Run, tmp_path: Path) -> None:
    source = "sample://?platforms=linux/amd64,linux/arm64"
    one = parsed(run("process", source, f"ocidir://{tmp_path}/one", "--architecture", "arm64", "-O", "json"))
    assert [image["platform"] for image in one["images"]] == ["linux/arm64"]
    everything = parsed(run("process", source, f"ocidir://{tmp_path}/all", "--all-platforms", "-O", "json"))
    assert [image["platform"] for image in everything["images"]] == ["linux/amd64", "linux/arm64"]
    none = run("process", source, f"ocidir://{tmp_path}/none", "--platform", "linux/s390x")
    assert none.code == 3
    assert none.err == "Error: source: no image for linux/s390x (it has linux/amd64, linux/arm64)\n"


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_the_name_of_stdout_is_stdout(archive: Path, tmp_path: Path, name: str) -> None:
    """Also where it is a file, which must be written to and not replaced."""
    with (tmp_path / "stdout.tar").open("wb") as file:
        number = (tmp_path / "stdout.tar").stat().st_ino
        command = [sys.executable, "-m", "occystrap_core", "process", f"tar://{archive}", f"tar://{name}"]
        subprocess.run(command, stdout=file, check=True)
    assert (tmp_path / "stdout.tar").stat().st_ino == number
    assert (tmp_path / "stdout.tar").read_bytes() == archive.read_bytes()


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0"])
def test_the_name_of_stdin_is_stdin(archive: Path, tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-m", "occystrap_core", "process", f"tar://{name}", f"tar://{tmp_path}/out.tar"]
    subprocess.run(command, input=archive.read_bytes(), check=True)
    assert (tmp_path / "out.tar").read_bytes() == archive.read_bytes()


def test_an_archive_on_stdout_leaves_stdout_to_it(archive: Path, tmp_path: Path) -> None:
    arguments = ("process", f"tar://{archive}", "tar://-", "-f", "search:pattern=*file1*")
    done = subprocess.run([sys.executable, "-m", "occystrap_core", *arguments], capture_output=True, check=True)
    (tmp_path / "stdout.tar").write_bytes(done.stdout)
    with tarfile.open(tmp_path / "stdout.tar") as opened:
        assert "manifest.json" in opened.getnames()
    assert b"(file, " in done.stderr


def test_json_and_an_archive_cannot_share_stdout(run: Run) -> None:
    assert run("process", "sample://", "tar:///dev/stdout", "-O", "json").code == 2
    ran = run("process", "sample://", "tar://-", "-O", "json")
    assert (ran.code, ran.out) == (2, "")
    assert "cannot both go to stdout" in ran.err


def test_a_password_and_an_archive_cannot_share_stdin(run: Run, tmp_path: Path) -> None:
    ran = run("process", "tar://-", f"tar://{tmp_path}/out.tar", "--password-stdin")
    assert ran.code == 2
    assert "cannot both come from stdin" in ran.err


def test_an_archive_comes_from_stdin(archive: Path, tmp_path: Path) -> None:
    ran = run_cli("process", "tar://-", f"tar://{tmp_path}/out.tar", stdin=archive.read_bytes())
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "out.tar").read_bytes() == archive.read_bytes()


def test_the_source_is_never_its_own_destination(run: Run, archive: Path) -> None:
    before = archive.read_bytes()
    ran = run("process", f"tar://{archive}", f"tar://{archive}")
    assert ran.code == 2
    assert archive.read_bytes() == before


def test_credentials_stay_out_of_the_result(run: Run, archive: Path, tmp_path: Path) -> None:
    ran = run("process", f"tar://{archive}", f"tar://{tmp_path}/out.tar", "--password", "hunter2", "-O", "json", "-v")
    assert ran.code == 0
    assert "hunter2" not in ran.out + ran.err


def test_the_layer_cache_is_used(run: Run, archive: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    arguments = ("process", f"tar://{archive}", f"ocidir://{tmp_path}/layout", "-f", "normalize-timestamps", "-v")
    assert run(*arguments, "--layer-cache", cache).code == 0
    assert json.loads(cache.read_bytes())["layers"]
    again = run(*arguments, "--layer-cache", cache)
    assert again.err.count("from the layer cache") == 2


def test_help_lists_what_is_installed(run: Run, site: Site) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin="import no_such_thing")
    ran = run("process", "--help")
    assert ran.code == 0
    for expected in ("Sources:", "sample://", "Destinations:", "ocidir://", "-f exclude", "Examples:"):
        assert expected in ran.out
    assert "-f reverse               (broken: No module named 'no_such_thing')" in ran.out


TALKING = """
    from types import SimpleNamespace
    from occystrap_core.contracts import InputSpec, hookimpl

    @hookimpl
    def occystrap_inputs():
        yield InputSpec("talking", "a sample that a server gave after all", "acme_plugin:open_input")

    def open_input(address, options, settings):
        from occystrap_core.testing.build import build_image, file, layer_tar
        from occystrap_core.testing.memory import MemoryInput

        source = MemoryInput(build_image([layer_tar(file("a", "b"))]))
        source.traffic = SimpleNamespace(requests=9, retries=2, rate_limits=1)
        return source
"""


def test_retries_and_rate_limits_are_told(run: Run, site: Site, tmp_path: Path) -> None:
    site.install("acme", offers={"inputs": {"talking": "acme_plugin"}}, acme_plugin=TALKING)
    ran = run("process", "talking://", f"tar://{tmp_path}/out.tar", "-O", "json")
    match = SUMMARY.fullmatch(ran.err)
    assert match
    assert match[3] == ", 2 retries, 1 rate limits, verified OK"
    assert (parsed(ran)["retries"], parsed(ran)["rate_limits"]) == (2, 1)


def _paths(value: object, where: str = "") -> Iterator[str]:
    """`images[].layers[].digest` and the like, as the page writes them."""
    if isinstance(value, list):
        for below in value:
            yield from _paths(below, f"{where}[]")
    elif isinstance(value, dict) and where != "details":
        for key, below in value.items():
            path = f"{where}.{key}" if where else key
            yield path
            yield from _paths(below, path)


def test_every_key_of_the_json_is_documented(run: Run, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
    commands = (
        ("process", "sample://", f"tar://{tmp_path}/out.tar"),
        ("plugins", "list"),
        ("plugins", "info", "exclude"),
    )
    paths = {path for command in commands for path in _paths(parsed(run(*command, "-O", "json")))}
    assert {path for path in paths if f"`{path}`" not in page} == set()
