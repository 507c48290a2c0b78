"""Documents that list the same fault, or themselves, thousands of times."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from occystrap_core.contracts.finding import Severity
from occystrap_core.engine.check import MAX_FINDINGS
from occystrap_core.engine.found_documents import MAX_LAYERS
from occystrap_core.engine.source_tree import MAX_NODES
from occystrap_core.testing.build import build_layer, layer_tar
from tests.checks.broken import document_rules, edited, found, image, index
from tests.checks.rules import outcome


def test_an_index_of_thousands_of_platforms_is_a_report_that_can_be_read() -> None:
    def crowd(json: dict[str, Any]) -> None:
        [entry] = json["manifests"]
        platforms = ({"os": "linux", "architecture": f"a{number}"} for number in range(3000))
        json["manifests"] = [{**entry, "platform": platform} for platform in platforms]

    findings = outcome(index([image()], crowd), *document_rules()).findings
    counts = Counter((each.check, each.severity) for each in findings)
    assert max(counts.values()) == MAX_FINDINGS + 1
    [limit] = [each for each in findings if each.check == "document-unreadable"]
    assert f"more than {MAX_NODES} documents" in limit.message
    mismatches = [each.message for each in findings if each.check == "platform-mismatch"]
    assert mismatches[-1].startswith("and ") and mismatches[-1].endswith(" more of these in other places")


def test_an_entry_that_an_index_repeats_is_judged_once() -> None:
    def thrice(json: dict[str, Any]) -> None:
        json["manifests"] = json["manifests"] * 3

    content = index([image()])
    for level in range(8):
        content = index([content], lambda json, level=level: (thrice(json), json.update(annotations={"l": str(level)})))  # type: ignore[misc]
        content = index([content], thrice) if level == 7 else content
    found_documents = outcome(content, *document_rules()).found.documents
    assert len(found_documents) < 15


def test_an_index_of_many_other_platforms_names_some() -> None:
    def others(json: dict[str, Any]) -> None:
        [entry] = json["manifests"]
        json["manifests"] = [
            {**entry, "platform": {"os": "linux", "architecture": f"a{number}"}} for number in range(900)
        ]

    [lacking] = outcome(index([image()], others), *document_rules(), everything=False).unchecked
    assert lacking.startswith("source: no image for linux/amd64 (it has linux/a0, ")
    assert lacking.endswith(" and 870 more)")


@pytest.mark.parametrize("listed", [[], None, {}], ids=str)
def test_a_manifest_that_might_be_an_index_is_judged_although_it_lists_no_platform(listed: object) -> None:
    ambiguous = edited(image(), manifest=lambda json: json.update(manifests=listed))
    told = outcome(ambiguous, *document_rules(), everything=False)
    assert "ambiguous-manifest" in {each.check for each in told.findings if each.severity is Severity.ERROR}
    assert told.unchecked == ()


def test_an_index_without_the_platform_is_judged_before_it_is_given_up() -> None:
    def old(json: dict[str, Any]) -> None:
        json["schemaVersion"] = 1

    told = outcome(index([], old), *document_rules(), everything=False)
    assert [each.check for each in told.findings if each.severity is Severity.ERROR] == ["schema-version"]
    assert told.unchecked == ("source: no image for linux/amd64 (it has none)",)


def test_layers_beyond_the_limit_are_told_and_counted() -> None:
    layer = build_layer(layer_tar(("a", "b"))).descriptor.to_json()
    many = edited(image(), manifest=lambda json: json.update(layers=[layer] * 2000))
    told = {each.check: each.message for each in found(many, fast=True)}
    assert told["document-unreadable"] == f"the manifest lists 2000 layers; only the first {MAX_LAYERS} are looked at"
    assert told["layer-count"] == "the manifest has 2000 layers, the config 1 diff_id"
    assert "2000 layers" in told["layer-depth"]
    assert "2000 layers" in told["history-count"]
