"""The pages that users read, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|^\[[^\]]+\]: +(\S+)", re.MULTILINE)
_FILE_CAPTION = re.compile(r"\*\*`([^`]+)`\*\*\s*\Z")


@dataclass(frozen=True)
class Fence:
    """A code block. `caption` is the file name in bold on the line before it, if there is one."""

    page: Path
    line: int
    language: str
    text: str
    caption: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Page:
    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    def fences(self) -> Iterator[Fence]:
        for found in _FENCE.finditer(self.text):
            before = self.text[: found.start()]
            caption = _FILE_CAPTION.search(before)
            language = found[2].strip().partition(" ")[0]
            yield Fence(self.path, before.count("\n") + 1, language, found[3], caption[1] if caption else "")

    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    def anchors(self) -> set[str]:
        """What GitHub makes of the headings."""
        seen: dict[str, int] = {}
        anchors = set()
        for _, heading in _HEADING.findall(self.prose()):
            slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            anchors.add(f"{slug}-{count}" if count else slug)
        return anchors

    def links(self) -> list[str]:
        return [inline or reference for inline, reference in _LINK.findall(self.prose())]

    def section(self, heading: str) -> str:
        """A heading's text up to the next heading of its level or above, code blocks included."""
        found = re.search(rf"^(#+) +{re.escape(heading)} *$", self.text, re.MULTILINE)
        assert found, f"{self.name} has no heading {heading!r}"
        rest = self.text[found.end() :]
        end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
        return rest[: end.start()] if end else rest


@cache
def page(name: str) -> Page:
    path = ROOT / name
    return Page(path, path.read_text())


def all_pages() -> list[Page]:
    names = ["README.md", "CHANGELOG.md"]
    names += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))
    names += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "plugins").glob("*/README.md"))
    return [page(name) for name in names]


def table_rows(text: str) -> list[list[str]]:
    """The cells of every table row in `text`, rules left out; `\\|` is a bar inside a cell."""
    rows = []
    for line in text.splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|:\- ]+", line):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            rows.append([cell.strip().replace("\\|", "|") for cell in cells])
    return rows


def code_spans(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))
