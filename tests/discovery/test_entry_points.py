"""Reading entry_points.txt agrees with the standard library, without importing anything."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

from occystrap_core.discovery.catalog import WORDS
from occystrap_core.discovery.entry_points import Row, parse, scan
from tests.discovery.conftest import Site


def test_every_offer_of_a_distribution_is_a_row_with_its_owner(site: Site) -> None:
    site.install("Acme.Reverse", "2.1", offers={"filters": {"Re_verse": "acme.plugin"}, "inputs": {"floppy": "acme.f"}})
    assert scan([str(site.folder)]).rows == (
        Row("occystrap.filters", "re-verse", "acme.plugin", "acme-reverse", "2.1"),
        Row("occystrap.inputs", "floppy", "acme.f", "acme-reverse", "2.1"),
    )


def test_other_groups_comments_and_extras_do_not_matter() -> None:
    text = """
    # a comment
    [console_scripts]
    occystrap = no.such:main
    [ occystrap.filters ]
    ; another
    one=a.b
    two = a.c:plugin [extra]
    broken line
    = nothing
    [occystrap.inputs]
    """
    assert list(parse(text)) == [("occystrap.filters", "one", "a.b"), ("occystrap.filters", "two", "a.c:plugin")]


def test_of_two_copies_on_the_path_the_first_counts(site: Site, tmp_path: Path) -> None:
    site.install("acme", "1.0", offers={"filters": {"reverse": "acme.old"}})
    second = Site(tmp_path / "second")
    second.folder.mkdir()
    second.install("acme", "2.0", offers={"filters": {"reverse": "acme.new"}})
    assert [row.version for row in scan([str(second.folder), str(site.folder)]).rows] == ["2.0"]


def test_what_pip_did_not_finish_removing_is_gone(site: Site) -> None:
    half_removed = site.install("acme", "1.0", offers={"filters": {"reverse": "acme.old"}})
    half_removed.rename(half_removed.with_name("~cme-1.0.dist-info"))
    site.install("acme", "1.1", offers={"filters": {"reverse": "acme.new"}})
    assert [row.version for row in scan([str(site.folder)]).rows] == ["1.1"]


def test_a_development_install_in_a_source_folder_is_found(site: Site) -> None:
    metadata = site.folder / "acme_source.egg-info"
    metadata.mkdir()
    (metadata / "PKG-INFO").write_text("Name: acme-source\nVersion: 0.dev1\n")
    (metadata / "entry_points.txt").write_text("[occystrap.checks]\nACME001 = acme.checks\n")
    assert scan([str(site.folder)]).rows == (
        Row("occystrap.checks", "acme001", "acme.checks", "acme-source", "0.dev1"),
    )


def test_broken_metadata_costs_nothing_but_itself(site: Site) -> None:
    site.install("good", offers={"filters": {"good": "good.plugin"}})
    (site.folder / "nothing.dist-info").mkdir()
    (site.folder / "a_file.egg-info").write_text("")
    binary = site.folder / "binary-1.0.dist-info"
    binary.mkdir()
    (binary / "entry_points.txt").write_bytes(b"\xff\xfe[occystrap.filters]\nx")
    missing = [str(site.folder / "not-there"), "\0"]
    assert [row.name for row in scan([*missing, str(site.folder)]).rows] == ["good"]


def test_the_standard_library_finds_the_same_for_this_very_python() -> None:
    known = {
        (point.group, point.name, point.value)
        for kind in WORDS
        for point in importlib.metadata.entry_points(group=f"occystrap.{kind}")
    }
    assert known, "occystrap must be installed for its tests, for example with pip install -e ."
    assert {(row.group, row.name, row.module) for row in scan(sys.path).rows} == known
