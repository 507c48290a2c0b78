"""Links lead somewhere, and pages keep to themselves."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import Page, all_pages, page

every_page = pytest.mark.parametrize("document", all_pages(), ids=lambda each: each.name)
MACHINE = r"(?<![\w.~$}])/(?:home|root|work|tmp|Users)/"


@every_page
def test_links_resolve(document: Page) -> None:
    for link in document.links():
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (document.path.parent / target).resolve() if target else document.path
        assert path.exists(), f"{document.name} links to {link}"
        if anchor:
            assert anchor in Page(path, path.read_text()).anchors(), f"{document.name} links to {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, waiting = set(), [page("README.md")]
    while waiting:
        current = waiting.pop()
        seen.add(current.path)
        for link in current.links():
            path = (current.path.parent / link.partition("#")[0]).resolve()
            if path.suffix == ".md" and path not in seen and path.is_file():
                waiting.append(Page(path, path.read_text()))
    pages = set((page("README.md").path.parent / "docs").glob("*.md"))
    assert not pages - seen


@every_page
def test_pages_name_no_folder_of_one_machine(document: Page) -> None:
    assert not re.findall(MACHINE, document.text)


@every_page
def test_lines_of_prose_are_not_endless(document: Page) -> None:
    for line in document.prose().splitlines():
        assert line.startswith("|") or len(line) <= 160, f"{document.name}: {line[:80]}…"


def test_a_broken_link_is_noticed() -> None:
    broken = Page(page("README.md").path, "# Here\n[gone](docs/gone.md)\n[no heading](#nowhere)\n")
    with pytest.raises(AssertionError, match="links to docs/gone.md"):
        test_links_resolve(broken)
    with pytest.raises(AssertionError, match="links to #nowhere"):
        test_links_resolve(Page(broken.path, broken.text.replace("[gone](docs/gone.md)", "")))
