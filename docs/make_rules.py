"""Writes docs/rules.md from the rules themselves: `python docs/make_rules.py`."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from pathlib import Path

from occystrap_core.contracts import CheckSpec
from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.index import load_index
from occystrap_core.discovery.manager import Plugins
from occystrap_core.discovery.policy import ONLY_BUILT_INS, Policy

_WIDTH = 118
PAGE = Path(__file__).parent / "rules.md"

_HEAD = """\
# The rules

What `occystrap check` looks for. This page is made from the rules themselves by `python docs/make_rules.py`;
`occystrap check --explain RULE` says the same on a terminal. [check.md](check.md) tells how to choose rules and
change their severity.

`documents` rules read manifests and configs only and are all that `--fast` asks; `layers` rules judge what reading a
layer tells; `headers` rules see every entry; `content` rules see into some files.
"""


def page() -> str:
    plugins = Plugins(Catalog(load_index(), Policy().narrowed(ONLY_BUILT_INS)), strict=True, warn=print)
    families: dict[str, list[CheckSpec]] = defaultdict(list)
    for spec in plugins.check_specs():
        families[spec.implementation.split(".")[1]].append(spec)
    parts = [_HEAD, _contents(families)]
    for family in sorted(families):
        parts.append(f"## {family.capitalize()}\n")
        parts += [_section(spec) for spec in families[family]]
    return "\n".join(parts)


def _contents(families: dict[str, list[CheckSpec]]) -> str:
    rows = [f"| [`{spec.name}`](#{spec.name}) | {spec.severity} | {spec.needs} | {spec.summary} |"
            for family in sorted(families) for spec in families[family]]  # fmt: skip
    return "\n".join(["| rule | severity | needs | what it looks for |", "|---|---|---|---|", *rows, ""])


def _section(spec: CheckSpec) -> str:
    paragraphs = (
        f"**{spec.severity}**, needs {spec.needs}. {_sentence(spec.summary)}",
        spec.why,
        f"*Example:* {spec.example}",
        f"*What to do:* {spec.remedy}",
    )
    wrapped = ["\n".join(textwrap.wrap(text, _WIDTH, break_on_hyphens=False)) for text in paragraphs]
    return "\n\n".join([f"### {spec.name}", *wrapped]) + "\n"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:].rstrip(".") + "."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
