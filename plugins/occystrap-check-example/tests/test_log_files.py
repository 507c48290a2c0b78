"""The rule by itself, and as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from occystrap_core.testing.build import Content, build_image, directory, file, layer_tar, whiteout
from occystrap_core.testing.conformance import check_rule
from occystrap_core.testing.rules import findings

RULE = "occystrap_check_example.log_files"


def image(*layers: bytes) -> Content:
    return build_image(layers or [layer_tar(file("var/log/dpkg.log", "installed"), file("app.log", "started"))])


def test_the_contract_is_kept() -> None:
    empty = layer_tar(directory("var/log"), file("var/log/lastlog", ""), file("srv/blog", "about logs"))
    check_rule(RULE, broken=image(), sound=[image(empty), image(layer_tar(whiteout("var/log/dpkg.log")))])


def test_each_layer_is_one_finding() -> None:
    found = findings(image(layer_tar(("a.log", "1")), layer_tar(("b", "2")), layer_tar(("c.log", "3"))), RULE)
    assert [each.where.layer for each in found] == [0, 2]
    assert found[0].message == "log files: 1, 1 bytes, the first is a.log"


def check(*arguments: str) -> tuple[int, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "occystrap_core", "check", "sample://", "-O", "json", *arguments], capture_output=True
    )
    return done.returncode, json.loads(done.stdout)


def test_it_is_asked_like_any_other_rule() -> None:
    code, report = check("--fail-on", "warning")
    assert code == 1
    assert {each["check"] for each in report["results"] if each["severity"] == "warning"} == {"log-files"}
    assert check("--fail-on", "warning", "--ignore", "log-files")[0] == 0
    assert check("--severity", "log-files=error")[0] == 1
