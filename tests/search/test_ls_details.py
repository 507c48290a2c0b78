"""`occystrap ls`: what `tar tv` would show of an entry, help for who errs, and memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from tarfile import PAX_FORMAT, SYMTYPE, USTAR_FORMAT, TarInfo
from typing import Any

import pytest

from occystrap_core.engine import folder_listing
from occystrap_core.testing.build import (
    build_image,
    device,
    directory,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from tests.cli.conftest import Run
from tests.end_to_end.images import NET_RAW, write_layout
from tests.end_to_end.test_memory import peak

MEGABYTE = 1 << 20


def source_of(folder: Path, *layers: bytes) -> str:
    return write_layout(folder / "layout", build_image(layers))


def entries(run: Run, *arguments: str) -> dict[str, Any]:
    ran = run("ls", *arguments, "-R", "-O", "json")
    assert (ran.code, ran.err) == (0, "")
    return {entry["path"]: entry for entry in json.loads(ran.out)["entries"]}


@pytest.fixture
def detailed(tmp_path: Path) -> str:
    return source_of(
        tmp_path,
        layer_tar(
            directory("bin", mtime=1_600_000_000),
            file("bin/ping", "x" * 9, mode=0o4755, mtime=1_600_000_001.75, xattrs={"security.capability": NET_RAW}),
            hardlink("bin/ping6", "bin/ping", mtime=1_600_000_001),
            device("bin/null", 1, 3, mode=0o666),
            device("bin/disk", 259, 70000, b"4"),
            symlink("bin/link", "ping", mtime=-1),
            file("bin/note", "y", xattrs={"user.who": b"me and you", "user.odd": b"\x1b[31m"}, mtime=2**60),
        ),
    )


class TestDetails:
    def test_devices_have_numbers_in_the_place_of_a_size(self, run: Run, detailed: str) -> None:
        lines = run("ls", detailed, "bin").out.splitlines()
        assert lines[0] == "brw-r--r--  0:0  259,70000  0  bin/disk"
        assert lines[3] == "crw-rw-rw-  0:0        1,3  0  bin/null"

    def test_long_lines_have_the_time_and_extended_attributes(self, run: Run, detailed: str) -> None:
        lines = run("ls", "-l", detailed, "bin").out.splitlines()
        assert lines == [
            "brw-r--r--  0:0  259,70000  1970-01-01 00:00:00  0  bin/disk",
            "lrwxrwxrwx  0:0          0  1969-12-31 23:59:59  0  bin/link -> ping",
            "-rw-r--r--  0:0          1  1152921504606846976  0  bin/note",
            "    user.odd=0x1b5b33316d",
            '    user.who="me and you"',
            "crw-rw-rw-  0:0        1,3  1970-01-01 00:00:00  0  bin/null",
            "-rwsr-xr-x  0:0          9  2020-09-13 12:26:41  0  bin/ping",
            f"    security.capability=0x{NET_RAW.hex()}",
            "hrw-r--r--  0:0          9  2020-09-13 12:26:41  0  bin/ping6 link to bin/ping",
        ]

    def test_json_has_all_of_it(self, run: Run, detailed: str) -> None:
        found = entries(run, detailed)
        assert found["bin/ping"]["xattrs"] == {"security.capability": NET_RAW.hex()}
        assert (found["bin/ping"]["mtime"], found["bin/note"]["mtime"]) == (1_600_000_001, 2**60)
        assert (found["bin/disk"]["device"], found["bin/ping"]["device"]) == ([259, 70000], None)
        assert found["bin/link"]["xattrs"] == {}

    def test_a_directory_without_an_entry_has_no_time(self, run: Run, tmp_path: Path) -> None:
        source = source_of(tmp_path, layer_tar(file("a/b", "c", mtime=7)))
        found = entries(run, source)
        assert (found["a"]["mtime"], found["a/b"]["mtime"]) == (None, 7)
        assert run("ls", "-l", source).out == "drwxr-xr-x  0:0  0  -  0  a\n"

    def test_a_link_claims_no_size(self, run: Run, tmp_path: Path) -> None:
        link = TarInfo("link")
        link.type, link.linkname, link.size = SYMTYPE, "there", 77
        source = source_of(tmp_path, link.tobuf(USTAR_FORMAT) + bytes(1024))
        assert entries(run, source)["link"]["size"] == 0

    def test_times_that_no_clock_shows_do_no_harm(self, run: Run, tmp_path: Path) -> None:
        layer = b""
        for name, time in (("a", str(2**63 - 1)), ("b", str(1 - 2**63))):
            info = TarInfo(name)
            info.pax_headers = {"mtime": time}
            layer += info.tobuf(PAX_FORMAT)
        source = source_of(tmp_path, layer + bytes(1024))
        ran = run("ls", "-l", source)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines()[0].split()[3] == "9223372036854775807"
        assert [entry["mtime"] for entry in entries(run, source).values()] == [2**63 - 1, 1 - 2**63]

    def test_devices_without_end_are_refused(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("occystrap_core.engine.budget.MOST_DEVICES", 2)
        ran = run("ls", source_of(tmp_path, layer_tar(*(device(f"d{number}", 1, 3) for number in range(3)))))
        assert (ran.code, ran.out) == (3, "")
        assert "more than 2 devices" in ran.err

    def test_the_same_attributes_on_every_file_count_once(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("occystrap_core.engine.budget.MOST_ATTRIBUTES", 1000)
        label = {"security.selinux": b"system_u:object_r:bin_t:s0"}
        files = [file(f"f{number}", "", xattrs=label) for number in range(100)]
        assert run("ls", source_of(tmp_path, layer_tar(*files))).code == 0

    def test_attributes_without_end_are_refused(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("occystrap_core.engine.budget.MOST_ATTRIBUTES", 1000)
        files = [file(f"f{number}", "", xattrs={"user.x": b"%d" % number * 200}) for number in range(9)]
        ran = run("ls", source_of(tmp_path, layer_tar(*files)))
        assert (ran.code, ran.out) == (3, "")
        assert "extended attributes" in ran.err


class TestOrder:
    NAMES = ("a", "a-b", "a.b", "a/b", "a/b/c", "a b", "B", "ä", "a/b-c", "z/y/x", "z/y", "z")

    @pytest.mark.parametrize("run_length", [1, 2, 3, 1000])
    def test_it_is_the_order_of_a_tree_however_it_is_sorted(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_length: int
    ) -> None:
        monkeypatch.setattr(folder_listing, "_RUN", run_length)
        directories = {"a", "a/b", "z", "z/y"}
        members = [directory(name) if name in directories else file(name, "") for name in self.NAMES]
        source = source_of(tmp_path, layer_tar(*members[::2]), layer_tar(*reversed(members[1::2])))
        listed = list(entries(run, source))
        assert listed == sorted(self.NAMES, key=lambda name: [part.encode() for part in name.split("/")])
        top = json.loads(run("ls", source, "-O", "json").out)["entries"]
        assert [entry["path"] for entry in top] == [name for name in listed if "/" not in name]


class TestHints:
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        return source_of(
            tmp_path,
            layer_tar(
                file("etc/passwd", "x"), file("etc/gone", "x"), file("opt/app/config.yaml", "x"),
                symlink("lib", "usr/lib"), file("usr/lib/libc.so.6", "x"),
            ),
            layer_tar(whiteout("etc/gone"), opaque("opt/app"), file("opt/app/other", "")),
        )  # fmt: skip

    @pytest.mark.parametrize("command", ["ls", "cat"])
    @pytest.mark.parametrize(
        ("asked", "hint"),
        [
            ("/etc/pasword", "(did you mean /etc/passwd?)"),
            ("/ect/passwd", "(did you mean /etc/passwd?)"),
            ("/ect/nothing", "(did you mean /etc?)"),
            ("lib/libc.so.5", "(did you mean /usr/lib/libc.so.6?)"),
            ("/completely/else", ""),
            ("etc/gone", "(layer 1 deletes it)"),
        ],
    )
    def test_who_errs_is_helped(self, run: Run, source: str, command: str, asked: str, hint: str) -> None:
        ran = run(command, source, asked)
        assert (ran.code, ran.out) == (3, "")
        assert re.fullmatch(rf"Error: the image has no .*? ?{re.escape(hint)}\n", ran.err)
        assert ("(" in ran.err) == bool(hint)


def test_a_long_listing_takes_little_memory() -> None:
    """A layer's entries and what is sorted at a time; at a million that is less than 130 bytes each."""
    few, many = (peak("ls", f"sample://?layers=2&files={files}&size=0", "-R", "-O", "json") for files in (5000, 25_000))
    assert (many - few) / 40_000 < 300


@pytest.mark.parametrize("arguments", [("ls", "-R"), ("ls", "-R", "-l"), ("ls", "-R", "-O", "json")])
def test_a_reader_that_goes_away_is_no_error(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "occystrap_core", *arguments, "sample://?layers=2&files=3000&size=0", "-q"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141
