"""Configs: what breaks each rule and nothing else, and its legal neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from occystrap_checks.config.port_syntax import is_port
from occystrap_checks.timestamp import seconds_of
from occystrap_core.contracts.finding import Severity
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    Content,
    build_artifact,
    build_image,
    build_layer,
    directory,
    file,
    layer_tar,
    symlink,
)
from occystrap_core.testing.memory import StoredImage
from tests.checks.broken import NOON, configured, document_rules, edited, found, image
from tests.checks.rules import NOW, said

E, W = Severity.ERROR, Severity.WARNING
PASSWD = file("etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
GROUP = file("etc/group", "root:x:0:\nweb:x:80:\n")


def says(**config: Any) -> StoredImage:
    return edited(image(), config=lambda json: json.update(config))


def lacks(key: str) -> StoredImage:
    return edited(image(), config=lambda json: json.pop(key))


def history(*steps: dict[str, Any]) -> StoredImage:
    return says(history=list(steps))


def healthcheck(**fields: Any) -> StoredImage:
    return configured(Healthcheck={"Test": ["CMD", "true"], **fields})


def windows(**run: Any) -> StoredImage:
    base = image(platform=Platform("windows", "amd64"))
    return edited(base, config=lambda json: json["config"].update(run))


BROKEN: list[tuple[str, Severity, str, Callable[[], Content]]] = [
    (
        "rootfs-type",
        E,
        'rootfs.type is "tree", not "layers"',
        lambda: edited(image(), config=lambda json: json["rootfs"].update(type="tree")),
    ),
    (
        "rootfs-type",
        E,
        "rootfs.type is missing",
        lambda: edited(image(), config=lambda json: json["rootfs"].pop("type")),
    ),
    (
        "layer-count",
        E,
        "the manifest has 1 layer, the config 2 diff_ids",
        lambda: edited(image(), config=lambda json: json["rootfs"]["diff_ids"].append(json["rootfs"]["diff_ids"][0])),
    ),
    (
        "layer-count",
        E,
        "the config 0 diff_ids",
        lambda: edited(image(), config=lambda json: json["rootfs"].update(diff_ids=[])),
    ),
    (
        "history-count",
        E,
        "2 steps that made a layer, the image 1 layer",
        lambda: history({"created_by": "a"}, {"created_by": "b"}),
    ),
    ("history-count", E, "0 steps that made a layer", lambda: history({"created_by": "a", "empty_layer": True})),
    ("config-fields", E, "architecture is 64, which is no text", lambda: says(architecture=64)),
    (
        "config-fields",
        E,
        'config.Entrypoint is "/bin/app", which is no list of texts',
        lambda: configured(Entrypoint="/bin/app"),
    ),
    ("config-fields", E, "config.Env is [1], which is no list of texts", lambda: configured(Env=[1])),
    ("config-fields", E, 'config.Volumes is ["/data"], which is no object', lambda: configured(Volumes=["/data"])),
    ("config-fields", E, "history[0].created_by is 5, which is no text", lambda: history({"created_by": 5})),
    ("config-fields", E, "history[0].empty_layer is 0", lambda: history({"created_by": "a", "empty_layer": 0})),
    ("config-fields", E, "history is {}, which is no list of objects", lambda: says(history={})),
    (
        "config-fields",
        E,
        'rootfs.diff_ids[0] is "sha256:1234", which is no digest',
        lambda: edited(image(), config=lambda json: json["rootfs"].update(diff_ids=["sha256:1234"])),
    ),
    ("env-syntax", E, "Env has 'DEBUG', which is not written NAME=value", lambda: configured(Env=["DEBUG"])),
    ("env-syntax", E, "Env has 'A' with a NUL character", lambda: configured(Env=["A=b\0c"])),
    ("env-syntax", E, "without a name", lambda: configured(Env=["=x"])),
    ("env-duplicate", W, "Env sets A 2 times", lambda: configured(Env=["A=1", "B=2", "A=3"])),
    (
        "port-syntax",
        W,
        "'http' is exposed, which is no port",
        lambda: configured(ExposedPorts={"http": {}, "80/tcp": {}}),
    ),
    (
        "volume-relative",
        W,
        "the volume 'data' is no absolute path",
        lambda: configured(Volumes={"data": {}, "/data": {}}),
    ),
    ("workdir-relative", W, "the working directory 'app' is no absolute path", lambda: configured(WorkingDir="app")),
    (
        "workdir-missing",
        W,
        "the working directory '/app' is not in the image",
        lambda: configured(WorkingDir="/app", User="1000"),
    ),
    ("workdir-missing", W, "'/etc/motd' is no directory", lambda: configured(WorkingDir="/etc/motd")),
    ("created-syntax", E, "created is 'May 1st', no time by RFC 3339", lambda: says(created="May 1st")),
    ("created-syntax", E, "step 1 of the history was created ''", lambda: history({"created": ""})),
    (
        "created-future",
        W,
        "created at 2099-01-01T00:00:00Z, which is yet to come",
        lambda: says(created="2099-01-01T00:00:00Z"),
    ),
    ("healthcheck", W, "begins with 'curl' instead of CMD", lambda: healthcheck(Test=["curl", "-f", "x"])),
    ("healthcheck", W, "has no command", lambda: healthcheck(Test=["CMD-SHELL"])),
    ("healthcheck", W, "has the Interval 30: durations are nanoseconds", lambda: healthcheck(Interval=30)),
    ("healthcheck", W, "has the Timeout -1", lambda: healthcheck(Timeout=-1)),
    ("healthcheck", W, "has -2 Retries", lambda: healthcheck(Retries=-2)),
    ("args-escaped", W, "the config says ArgsEscaped", lambda: configured(ArgsEscaped=True)),
    ("onbuild", W, "2 ONBUILD triggers, the first is 'RUN make'", lambda: configured(OnBuild=["RUN make", "RUN test"])),
    ("user-unresolvable", W, "as user 'app', who is not in its /etc/passwd", lambda: with_users(User="app")),
    ("user-unresolvable", W, "as group 'app', who is not in its /etc/group", lambda: with_users(User="nobody:app")),
    ("user-unresolvable", W, "as user 99999999999, above 2147483647", lambda: with_users(User="99999999999")),
    ("user-unresolvable", W, "as group 2147483648, above", lambda: with_users(User="0:2147483648")),
    ("user-unresolvable", W, "as user 'nobody' and has no /etc/passwd", lambda: configured(User="nobody")),
]

LEGAL: list[tuple[str, Callable[[], Content]]] = [
    ("an image of nothing", lambda: build_image([], family=Family.OCI, config={"created": NOON})),
    ("no history", lambda: says(history=[])),
    ("null history", lambda: says(history=None)),
    ("steps without a layer", lambda: history({"created_by": "COPY"}, {"created_by": "ENV", "empty_layer": True})),
    ("no created", lambda: lacks("created")),
    ("null created", lambda: says(created=None)),
    ("created at zero", lambda: says(created="0001-01-01T00:00:00Z")),
    ("created tomorrow, by a clock that is a little off", lambda: says(created="2023-11-15T22:00:00Z")),
    ("no config in the config", lambda: lacks("config")),
    (
        "nulls, as docker writes them",
        lambda: configured(
            Env=None,
            Cmd=None,
            Volumes=None,
            Entrypoint=None,
            Labels=None,
            OnBuild=None,
            Healthcheck=None,
            ExposedPorts=None,
        ),
    ),
    (
        "empty values",
        lambda: configured(Env=["A=", "PATH=/bin", "B==x"], Volumes={}, WorkingDir="", User="", OnBuild=[]),
    ),
    (
        "ports as docker writes them",
        lambda: configured(ExposedPorts={"80": {}, "53/udp": {}, "8000-8010/tcp": {}, "9899/sctp": {}}),
    ),
    ("a working directory with an entry", lambda: rooted(directory("app"), WorkingDir="/app/", User="1000")),
    ("a working directory that is only a parent", lambda: rooted(file("app/bin/x"), WorkingDir="/app", User="1000")),
    (
        "a working directory behind a symlink",
        lambda: rooted(directory("srv"), symlink("app", "srv"), WorkingDir="/app", User="1"),
    ),
    ("a missing working directory of root, which engines make", lambda: configured(WorkingDir="/app")),
    ("the root as working directory", lambda: configured(WorkingDir="/", User="1")),
    (
        "a health check of buildkit",
        lambda: healthcheck(Interval=30_000_000_000, Timeout=0, Retries=3, StartPeriod=1_000_000),
    ),
    ("a health check that is off", lambda: healthcheck(Test=["NONE"])),
    ("a health check that inherits", lambda: healthcheck(Test=[])),
    ("users and groups by name", lambda: with_users(User="nobody:web")),
    ("users by number", lambda: configured(User="1000:1000")),
    (
        "a windows image",
        lambda: windows(
            User="ContainerUser",
            WorkingDir="C:\\app",
            Entrypoint=["C:\\app.exe"],
            Volumes={"C:\\data": {}},
            Env=["=C:=C:\\", "Path=C:\\"],
        ),
    ),
    ("an artifact with an image's config type", lambda: borrowed()),
    ("an artifact", lambda: build_artifact({"application/x-thing": b"x"})),
]


def borrowed() -> Content:
    layer = build_layer(b"{}", compression=Compression.NONE, media_type="application/vnd.example+json")
    base = build_image([layer], family=Family.OCI)
    return edited(base, config=dict.clear)


def rooted(*members: Any, **run: Any) -> StoredImage:
    return configured(*members, **run)


def with_users(**run: Any) -> StoredImage:
    return configured(PASSWD, GROUP, **run)


@pytest.mark.parametrize(("rule", "severity", "message", "make"), BROKEN, ids=[f"{row[0]}-{row[2]}" for row in BROKEN])
def test_a_config_breaks_one_rule_and_no_other(
    rule: str, severity: Severity, message: str, make: Callable[[], Content]
) -> None:
    findings = found(make())
    assert {(each.check, each.severity) for each in findings} == {(rule, severity)}, findings
    assert message in findings[0].message, findings[0].message


@pytest.mark.parametrize("make", [row[1] for row in LEGAL], ids=[row[0] for row in LEGAL])
def test_what_is_legal_stays_clean(make: Callable[[], Content]) -> None:
    assert found(make()) == []


def test_what_is_well_is_said_as_information() -> None:
    informed = {(check, severity) for check, severity, _ in said(image(), *document_rules())}
    assert {("rootfs-type", "info"), ("layer-count", "info"), ("history-count", "info")} <= informed


@pytest.mark.parametrize(
    ("rule", "make", "message"),
    [
        ("created-zero", lambda: says(created="1970-01-01T00:00:00Z"), "created at 1970-01-01T00:00:00Z"),
        ("history-count", lambda: says(history=[]), "the config has no history"),
        ("workdir-missing", lambda: configured(WorkingDir="/app"), "the working directory '/app' is not in the image"),
    ],
)
def test_what_may_be_meant_is_information(rule: str, make: Callable[[], Content], message: str) -> None:
    informed = [(name, text) for name, severity, text in said(make(), *document_rules()) if severity == "info"]
    assert any(name == rule and message in text for name, text in informed)


def test_a_user_of_a_later_layer_is_found() -> None:
    layers = [layer_tar(PASSWD), layer_tar(file("etc/passwd", "app:x:1000:1000::/:/bin/sh\n"))]
    base = build_image(layers, family=Family.OCI, config={"created": NOON, "config": {"User": "app"}})
    assert found(base) == []


def test_a_damaged_layer_brings_no_findings_about_what_may_be_in_it() -> None:
    base = configured(PASSWD, User="app", WorkingDir="/srv", Entrypoint=["/app"])
    blobs = {digest: blob[:-20] for digest, blob in base.blobs.items()}
    checks = {each.check for each in found(StoredImage(base.root, base.documents, blobs))}
    assert checks == {"blob-size"}


@pytest.mark.parametrize("value", [0, "x", [], [[]], {}, {"a": []}, True, 1.5, None])
@pytest.mark.parametrize(
    "key",
    [
        "config",
        "rootfs",
        "history",
        "created",
        "os",
        "architecture",
        "variant",
        "User",
        "Env",
        "Cmd",
        "Entrypoint",
        "WorkingDir",
        "Healthcheck",
        "Volumes",
        "ExposedPorts",
        "Labels",
        "OnBuild",
        "ArgsEscaped",
    ],
)
def test_no_rule_fails_on_a_value_of_another_type(key: str, value: Any) -> None:
    run = key[0].isupper()
    base = configured(**{key: value}) if run else says(**{key: value})
    assert not [each.message for each in found(base) if "the rule itself failed" in each.message]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00.5+01:00", 0),
        ("2023-11-14T22:13:20.123456789Z", NOW),
        ("2023-11-14 22:13:20Z", None),
        ("2023-11-14t22:13:20z", None),
        ("2023-13-14T22:13:20Z", None),
        ("2023-11-14T22:13:20", None),
        ("2023-11-14", None),
        ("", None),
    ],
)
def test_times_are_read_as_go_reads_them(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("80", True),
        ("65535/tcp", True),
        ("1-2/UDP", True),
        ("65536", False),
        ("2-1", False),
        ("80/icmp", False),
        ("8080:80", False),
        ("", False),
        ("٨٠", False),
    ],
)
def test_ports(text: str, valid: bool) -> None:
    assert is_port(text) is valid
