"""The program that an image starts: found, allowed to run, with what it needs, for the right machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from occystrap_checks.config.elf import loader_of, machine_of
from occystrap_core.contracts.finding import Severity
from occystrap_core.model.media_types import Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    Content,
    Member,
    build_image,
    build_index,
    directory,
    file,
    hardlink,
    layer_tar,
    symlink,
    whiteout,
)
from occystrap_core.testing.memory import StoredImage
from tests.checks.broken import NOON, configured, edited, found, image
from tests.checks.config.elf_files import elf

E, W = Severity.ERROR, Severity.WARNING
GLIBC, MUSL = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"


def program(path: str, content: str | bytes = b"", mode: int = 0o755) -> Member:
    return file(path, content or elf(), mode=mode)


def starts(*command: str, holding: tuple[Member, ...], **run: Any) -> StoredImage:
    return configured(*holding, Entrypoint=list(command), **run)


def for_machine(architecture: str, *members: Member, **run: Any) -> StoredImage:
    base = image(*members, platform=Platform("linux", architecture))
    return edited(base, config=lambda json: json["config"].update(run))


BROKEN: list[tuple[str, Severity, str, Callable[[], Content]]] = [
    (
        "entrypoint-not-found",
        W,
        "starts '/bin/sh', which is not in the image",
        lambda: starts("/bin/sh", "-l", holding=(program("app"),)),
    ),
    (
        "entrypoint-not-found",
        E,
        "starts '/bin/app', which is not in the image",
        lambda: starts("/bin/app", holding=(program("app"),)),
    ),
    (
        "entrypoint-not-found",
        W,
        "starts 'app', which is in no directory of its PATH",
        lambda: starts("app", holding=(program("opt/app"),), Env=["PATH=/bin:/usr/bin"]),
    ),
    (
        "entrypoint-not-found",
        E,
        "starts './app'",
        lambda: starts("./app", holding=(program("app"), directory("srv")), WorkingDir="/srv"),
    ),
    ("entrypoint-not-found", E, "starts '/link'", lambda: starts("/link", holding=(symlink("link", "nowhere"),))),
    ("entrypoint-not-found", E, "starts '/cmd'", lambda: configured(Cmd=["/cmd"])),
    (
        "entrypoint-not-executable",
        E,
        "'/app', which has the mode 0644",
        lambda: starts("/app", holding=(program("app", mode=0o644),)),
    ),
    ("entrypoint-not-executable", E, "'/etc', which is no file", lambda: starts("/etc", holding=(directory("etc"),))),
    (
        "entrypoint-not-executable",
        E,
        "'app' (/usr/bin/app), which has the mode 0600",
        lambda: starts("app", holding=(program("usr/bin/app", mode=0o600),)),
    ),
    (
        "entrypoint-interpreter",
        E,
        "/run.sh is a script for '/bin/bash', which is not in the image",
        lambda: starts("/run.sh", holding=(program("run.sh", "#!/bin/bash -e\n"),)),
    ),
    (
        "entrypoint-interpreter",
        E,
        "is a script for '/bin/sh\\r'",
        lambda: starts("/run.sh", holding=(program("run.sh", "#!/bin/sh\r\n"), program("bin/sh"))),
    ),
    (
        "entrypoint-interpreter",
        W,
        "to be run by 'python3', which is in no directory of PATH",
        lambda: starts("/run", holding=(program("run", "#!/usr/bin/env -S python3 -u\n"), program("usr/bin/env"))),
    ),
    (
        "entrypoint-interpreter",
        E,
        "/app is built for glibc: its loader /lib64/ld-linux-x86-64.so.2 is not in the image",
        lambda: starts("/app", holding=(program("app", elf(loader=GLIBC)), program("lib/ld-musl-x86_64.so.1"))),
    ),
    (
        "entrypoint-interpreter",
        E,
        "/app is built for musl",
        lambda: starts("/app", holding=(program("app", elf(loader=MUSL)),)),
    ),
    (
        "entrypoint-interpreter",
        E,
        "/bin/sh is built for glibc",
        lambda: starts("/run.sh", holding=(program("run.sh", "#! /bin/sh\n"), program("bin/sh", elf(loader=GLIBC)))),
    ),
    (
        "entrypoint-interpreter",
        E,
        "/usr/bin/app is built for glibc",
        lambda: starts(
            "app", holding=(program("opt/app", elf(loader=GLIBC)), hardlink("usr/bin/app", "opt/app", mode=0o755))
        ),
    ),
    (
        "arch-vs-elf",
        E,
        "for arm64, the program it starts (/app) for amd64",
        lambda: for_machine("arm64", program("app"), Entrypoint=["/app"]),
    ),
    (
        "arch-vs-elf",
        E,
        "for amd64, the program it starts (/app) for arm64",
        lambda: for_machine("amd64", program("app", elf("arm64")), program("b"), Cmd=["/app"]),
    ),
    (
        "arch-vs-elf",
        E,
        "for 386, the program it starts",
        lambda: for_machine("386", program("app"), Entrypoint=["/app"]),
    ),
    (
        "arch-vs-elf",
        W,
        "has no program for it, but 2 for amd64",
        lambda: for_machine("s390x", program("a"), program("b")),
    ),
    (
        "arch-vs-elf",
        E,
        "has no program for it, but 1 for amd64",
        lambda: for_machine("arm64", program("run.sh", "#!/bin/sh\n"), program("bin/sh"), Cmd=["/run.sh"]),
    ),
]

LEGAL: list[tuple[str, Callable[[], Content]]] = [
    ("nothing to start", lambda: configured(program("app"))),
    ("a reset entrypoint", lambda: configured(program("app"), Entrypoint=[""], Cmd=[])),
    ("a static program", lambda: starts("/app", holding=(program("app"),))),
    ("found on the default PATH", lambda: starts("app", holding=(program("usr/local/bin/app"),))),
    (
        "relative to the working directory",
        lambda: starts("bin/app", holding=(program("srv/bin/app"),), WorkingDir="/srv"),
    ),
    (
        "behind an absolute symlink",
        lambda: starts("/app", holding=(symlink("app", "/usr/bin/app"), program("usr/bin/app"))),
    ),
    ("behind a merged /usr", lambda: starts("/bin/sh", holding=(symlink("bin", "usr/bin"), program("usr/bin/sh")))),
    (
        "a hard link to busybox",
        lambda: starts("sh", holding=(program("bin/busybox"), hardlink("bin/sh", "bin/busybox", mode=0o755))),
    ),
    (
        "the first that can be run",
        lambda: starts(
            "app", holding=(program("usr/bin/app", mode=0o644), program("bin/app")), Env=["PATH=/usr/bin:/bin"]
        ),
    ),
    (
        "a script and its shell",
        lambda: starts("/run.sh", holding=(program("run.sh", "#!/bin/sh\n"), program("bin/sh"))),
    ),
    (
        "a script of env",
        lambda: starts(
            "/run", holding=(program("run", "#!/usr/bin/env sh\n"), program("usr/bin/env"), program("bin/sh"))
        ),
    ),
    (
        "a dynamic program with its loader",
        lambda: starts("/app", holding=(program("app", elf(loader=GLIBC)), program("lib64/ld-linux-x86-64.so.2"))),
    ),
    (
        "a loader behind links",
        lambda: starts(
            "/app",
            holding=(
                program("app", elf(loader=GLIBC)),
                symlink("lib64", "usr/lib64"),
                symlink("usr/lib64/ld-linux-x86-64.so.2", "../lib/ld.so"),
                program("usr/lib/ld.so"),
            ),
        ),
    ),
    ("text without a first line, which shells run", lambda: starts("/run", holding=(program("run", "echo hello\n"),))),
    ("32 bits on 64", lambda: for_machine("amd64", program("app", elf("386", wide=False)), Entrypoint=["/app"])),
    ("arm on arm64", lambda: for_machine("arm64", program("app", elf("arm", wide=False)), Entrypoint=["/app"])),
    ("a big-endian program", lambda: for_machine("s390x", program("app", elf("s390x", big=True)), Entrypoint=["/app"])),
    (
        "a foreign program among others",
        lambda: for_machine("amd64", program("app"), program("qemu", elf("arm64")), Entrypoint=["/app"]),
    ),
    ("programs of a machine without a name", lambda: for_machine("amd64", program("probe.o", elf("bpf")))),
    ("foreign data that is not executable", lambda: for_machine("amd64", program("firmware", elf("arm"), mode=0o644))),
    ("an architecture nobody knows", lambda: for_machine("vax", program("app"), Entrypoint=["/app"])),
]


@pytest.mark.parametrize(("rule", "severity", "message", "make"), BROKEN, ids=[f"{row[0]}-{row[2]}" for row in BROKEN])
def test_a_program_breaks_one_rule_and_no_other(
    rule: str, severity: Severity, message: str, make: Callable[[], Content]
) -> None:
    findings = found(make())
    assert {(each.check, each.severity) for each in findings} == {(rule, severity)}, findings
    assert message in findings[0].message, findings[0].message


@pytest.mark.parametrize("make", [row[1] for row in LEGAL], ids=[row[0] for row in LEGAL])
def test_what_is_legal_stays_clean(make: Callable[[], Content]) -> None:
    assert found(make()) == []


def test_a_program_that_a_later_layer_deletes_is_not_found() -> None:
    layers = [layer_tar(program("app")), layer_tar(whiteout("app"))]
    base = build_image(layers, family=Family.OCI, config={"created": NOON, "config": {"Entrypoint": ["/app"]}})
    assert [each.check for each in found(base)] == ["entrypoint-not-found"]


def test_the_program_of_the_last_layer_counts() -> None:
    layers = [layer_tar(program("app", elf("arm64"))), layer_tar(program("app"))]
    base = build_image(layers, family=Family.OCI, config={"created": NOON, "config": {"Entrypoint": ["/app"]}})
    assert found(base) == []


def test_a_layer_that_images_share_is_judged_for_each_of_them() -> None:
    layer = layer_tar(program("app"))
    run = {"created": NOON, "config": {"Entrypoint": ["/app"]}}
    amd64 = build_image([layer], family=Family.OCI, config=run)
    arm64 = build_image([layer], family=Family.OCI, config=run, platform=Platform("linux", "arm64"))
    (finding,) = found(build_index([amd64, arm64]))
    assert (finding.check, finding.where.manifest) == ("arch-vs-elf", str(arm64.root.digest))


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("big", [True, False])
def test_the_loader_is_read_from_every_kind_of_elf(wide: bool, big: bool) -> None:
    head = elf("arm64", "/lib/ld.so.1", wide=wide, big=big)
    assert (loader_of(head), machine_of(head)) == (b"/lib/ld.so.1", "arm64")


@pytest.mark.parametrize("length", range(0, 200, 7))
def test_a_head_that_is_cut_short_says_nothing_wrong(length: int) -> None:
    head = elf("arm64", "/lib/ld.so.1")[:length]
    assert loader_of(head) in (None, b"/lib/ld.so.1")
    assert machine_of(head) in (None, "arm64")


def test_headers_that_point_anywhere_are_survived() -> None:
    head = bytearray(elf("amd64", GLIBC))
    for place in range(16, len(head)):
        odd = bytes(head[:place]) + b"\xff" * (len(head) - place)
        loader_of(odd)
        machine_of(odd)
