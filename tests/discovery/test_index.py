"""The index is kept in one file, believed only while it is true, and never needed."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from occystrap_core.discovery import index as index_module
from occystrap_core.discovery.entry_points import Row
from occystrap_core.discovery.index import Index, load_index
from tests.discovery.conftest import Site, write_entry_points


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def only_this_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(site.folder)])


@pytest.fixture
def settled(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """After this call an index may be kept, although the change time of every file is this very moment."""

    def settle() -> None:
        site.settle()
        later = time.time_ns() + 10 * index_module.SETTLED_NS
        monkeypatch.setattr(time, "time_ns", lambda: later)

    return settle


def names(index: Index) -> list[str]:
    return [row.name for row in index.rows]


def kept(cache: Path) -> list[Path]:
    return list(cache.iterdir()) if cache.exists() else []


def read_twice(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """The index of a second run, which must not have looked at the distributions again."""
    load_index(str(cache))

    def refuse(path: object) -> None:
        pytest.fail("the distributions were read again")

    with monkeypatch.context() as patch:
        patch.setattr(index_module, "scan", refuse)
        return load_index(str(cache))


def test_a_second_run_reads_one_small_file(
    site: Site, cache: Path, settled: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme.plugin"}})
    settled()
    assert read_twice(cache, monkeypatch).rows == (Row("occystrap.filters", "reverse", "acme.plugin", "acme", "1.0"),)
    [file] = kept(cache)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_size < 4096


def _add_a_distribution(site: Site, first: Path) -> list[str]:
    site.install("more", offers={"filters": {"another": "more.plugin"}})
    return ["another", "reverse"]


def _add_an_entry_point(site: Site, first: Path) -> list[str]:
    write_entry_points(first, {"filters": {"reverse": "acme.plugin", "upside-down": "acme.plugin"}})
    return ["reverse", "upside-down"]


def _swap_a_name_of_the_same_length(site: Site, first: Path) -> list[str]:
    before = (first / "entry_points.txt").stat()
    write_entry_points(first, {"filters": {"esrever": "acme.plugin"}})
    os.utime(first / "entry_points.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    return ["esrever"]


def _remove_it(site: Site, first: Path) -> list[str]:
    site.remove(first)
    return []


def _offer_something_where_nothing_was(site: Site, first: Path) -> list[str]:
    write_entry_points(site.folder / "silent-1.0.dist-info", {"filters": {"loud": "silent.plugin"}})
    return ["loud", "reverse"]


@pytest.mark.parametrize(
    "change",
    [
        _add_a_distribution,
        _add_an_entry_point,
        _swap_a_name_of_the_same_length,
        _remove_it,
        _offer_something_where_nothing_was,
    ],
)
@pytest.mark.parametrize("kept_before", [True, False])
def test_what_changes_right_after_a_run_is_seen_by_the_next(
    change: Callable[[Site, Path], list[str]],
    kept_before: bool,
    site: Site,
    cache: Path,
    settled: Callable[[], None],
) -> None:
    first = site.install("acme", offers={"filters": {"reverse": "acme.plugin"}})
    silent = site.install("silent", offers={})
    (silent / "entry_points.txt").unlink()
    if kept_before:
        settled()
    assert names(load_index(str(cache))) == ["reverse"]
    assert bool(kept(cache)) is kept_before
    assert change(site, first) == names(load_index(str(cache)))


def test_what_changed_a_moment_ago_is_not_kept(site: Site, cache: Path) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme.plugin"}})
    assert names(load_index(str(cache))) == ["reverse"]
    assert kept(cache) == []


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b"{not json",
        b"\xff\xfe",
        b'{"format": 1}',
        b'{"format": 99, "scan": [[], []]}',
    ],
)
def test_a_damaged_file_is_as_good_as_none(damage: bytes, site: Site, cache: Path, settled: Callable[[], None]) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme.plugin"}})
    settled()
    load_index(str(cache))
    [file] = kept(cache)
    file.write_bytes(damage)
    assert names(load_index(str(cache))) == ["reverse"]
    assert json.loads(file.read_bytes())["format"] == index_module.FORMAT


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_is_not_believed(
    mode: int, site: Site, cache: Path, settled: Callable[[], None]
) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme.plugin"}})
    settled()
    load_index(str(cache))
    [file] = kept(cache)
    file.write_text(file.read_text().replace("acme.plugin", "evil.plugin"))
    file.chmod(mode)
    assert [row.module for row in load_index(str(cache)).rows] == ["acme.plugin"]


def test_another_path_has_another_index(
    site: Site, cache: Path, settled: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme.plugin"}})
    settled()
    load_index(str(cache))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert names(load_index(str(cache))) == []


def test_a_folder_that_cannot_be_written_is_fine(site: Site, tmp_path: Path, settled: Callable[[], None]) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme.plugin"}})
    settled()
    (tmp_path / "a file").write_text("")
    for impossible in ("/proc/nothing", str(tmp_path / "a file" / "cache")):
        assert names(load_index(impossible)) == ["reverse"]


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCYSTRAP_CACHE_DIR", "/own")
    monkeypatch.setenv("XDG_CACHE_HOME", "/shared")
    assert index_module.cache_dir() == "/own"
    monkeypatch.delenv("OCCYSTRAP_CACHE_DIR")
    assert index_module.cache_dir() == "/shared/occystrap"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert index_module.cache_dir() == "/home/somebody/.cache/occystrap"


def test_summaries_are_kept_until_their_module_changes(site: Site, cache: Path, settled: Callable[[], None]) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin="")
    settled()
    first = load_index(str(cache))
    [row] = first.rows
    assert first.summary(row) is None
    module = site.folder / "acme_plugin.py"
    first.learn(row, "backwards", str(module))
    first.save()
    assert load_index(str(cache)).summary(row) == "backwards"
    module.write_text("# changed")
    assert load_index(str(cache)).summary(row) is None
