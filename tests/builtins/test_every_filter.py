"""Every built-in filter keeps the filter contract."""

from __future__ import annotations

import json

import pytest

from occystrap_core.testing.conformance import check_filter
from tests.builtins.parts import open_filter


@pytest.mark.parametrize(
    "text",
    [
        "normalize-timestamps",
        "normalize-timestamps:ts=1700000001,config=true",
        "exclude:pattern=**/*.log,usr/bin/ping",
        "exclude:pattern=nothing-has-this-name",
        "search:pattern=ping",
        "search:pattern=^.*log$,regex=true,script-friendly=true",
    ],
)
def test_the_contract_is_kept(text):
    check_filter(lambda: open_filter(text))


def test_inspect(tmp_path):
    report = tmp_path / "report.jsonl"
    check_filter(lambda: open_filter(f"inspect:file={report}"))
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert len(lines) == 2 and lines[0] == lines[1]
