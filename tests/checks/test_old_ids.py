"""Every id that the check of Occystrap 0.4 had is here, and weighs what it weighed."""

from __future__ import annotations

import json

import pytest

from tests.peers import run_cli

OLD = {
    "error": "schema-version rootfs-type layer-count config-descriptor history-count config-digest config-size diff-id "
    "layer-seekable tar-format whiteout tar-timestamp",
    "warning": "metadata zstd-compat large-layer args-escaped whiteout-size tar-permissions",
    "info": "oci-media-type docker-media-type duplicate-file",
}
SEVERITIES = {name: severity for severity, names in OLD.items() for name in names.split()}


@pytest.fixture(scope="module")
def listed() -> dict[str, str]:
    return {
        rule["check"]: rule["severity"] for rule in json.loads(run_cli("check", "--list-rules", "-O", "json").stdout)
    }


@pytest.mark.parametrize("name", SEVERITIES)
def test_an_old_id_keeps_its_severity(listed: dict[str, str], name: str) -> None:
    assert listed.get(name) == SEVERITIES[name]


def test_old_ids_may_be_ignored_selected_and_weighed() -> None:
    ids = ",".join(SEVERITIES)
    for options in (["--ignore", ids], ["--select", ids], [f"--severity={name}=info" for name in SEVERITIES]):
        assert run_cli("check", "sample://demo", *options).returncode == 0
