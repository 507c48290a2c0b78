"""Platforms in a spelling of their own."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.index.platform_names import DEFAULT_VARIANTS, image_entries, normal, written_platform
from occystrap_checks.lenient import image_config
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    FoundDocument,
    Needs,
    Remark,
    Role,
    Severity,
    hookimpl,
    shown,
)
from occystrap_core.model.platform import Platform


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="platform-unnormalised",
        summary="platforms are spelled as Go spells them, one way in one index",
        implementation="occystrap_checks.index.platform_unnormalised:PlatformUnnormalised",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Clients compare names: some know that x86_64 is amd64 and that arm64 is arm64/v8, others find no image "
        "for their platform.",
        example='{"os": "Linux", "architecture": "x86_64"}',
        remedy="Write linux, amd64, arm64, arm with variant v6 or v7; give a variant to all entries of an architecture "
        "or to none.",
    )


class PlatformUnnormalised(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is Role.INDEX:
            platforms = [written_platform(entry.get("platform")) for _, entry in image_entries(document)]
            yield from _misspelled("the index", platforms)
            yield from _two_ways(platforms)
        elif document.role is Role.CONFIG:
            yield from _misspelled("the config", [written_platform(image_config(document))])


def _misspelled(what: str, platforms: list[Platform]) -> Iterable[Remark]:
    for platform in platforms:
        usual = normal(platform)
        if usual != platform:
            yield Remark(f"{what} says {shown(str(platform))}, which is spelled {shown(str(usual))}")


def _two_ways(platforms: list[Platform]) -> Iterable[Remark]:
    for architecture, implied in DEFAULT_VARIANTS.items():
        variants = {each.variant for each in map(normal, platforms) if each.architecture == architecture}
        if {"", implied} <= variants:
            yield Remark(f"the index has entries for {architecture} and for {architecture}/{implied}, which are one")
