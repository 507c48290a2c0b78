"""Which paths a pattern of `exclude` means."""

from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.model.errors import OptionError
from occystrap_filters.exclude.globs import compile_globs

MATCHING = [
    ("etc/passwd", "etc/passwd"),
    ("/etc/passwd", "etc/passwd"),
    ("./etc/passwd", "etc/passwd"),
    (".//etc/passwd", "etc/passwd"),
    ("etc/", "etc"),
    ("*.pyc", "usr/lib/a.pyc"),
    ("usr/*.pyc", "usr/lib/deep/a.pyc"),
    ("tmp/*", "tmp/a/b"),
    ("?tc", "etc"),
    ("a?b", "a/b"),
    ("caf?", "café"),
    ("[a-c]x", "bx"),
    ("[!a-c]x", "dx"),
    ("[]]", "]"),
    ("[!]]", "x"),
    ("a[", "a["),
    ("**/node_modules", "node_modules"),
    ("**/node_modules", "srv/app/node_modules"),
    ("usr/**/doc", "usr/doc"),
    ("usr/**/doc", "usr/share/local/doc"),
    ("usr/**/**/doc", "usr/share/doc"),
    ("**/b/**/d", "a/b/c/d"),
    ("**/*.md", "README.md"),
    ("var/cache/**", "var/cache/apt/x"),
    ("**", "anything/at/all"),
    ("a**b", "a/x/b"),
    ("a.b", "a.b"),
    ("a+(b)", "a+(b)"),
    ("*\udcff", "bad\udcff"),
]
OTHERS = [
    ("etc/passwd", "etc/passwd-"),
    ("etc/pass", "etc/passwd"),
    ("passwd", "etc/passwd"),
    ("a.b", "axb"),
    ("**/node_modules", "srv/my_node_modules"),
    ("usr/**/doc", "usr/mydoc"),
    ("usr/**/doc", "usrdoc"),
    ("var/cache/**", "var/cache"),
    ("[!a-c]x", "bx"),
    ("[z-a]x", "zx"),
    ("?", ""),
    ("Etc", "etc"),
]


@pytest.mark.parametrize(("pattern", "path"), MATCHING)
def test_a_pattern_matches(pattern: str, path: str) -> None:
    assert compile_globs([pattern])(path)


@pytest.mark.parametrize(("pattern", "path"), OTHERS)
def test_a_pattern_does_not_match(pattern: str, path: str) -> None:
    assert not compile_globs([pattern])(path)


@pytest.mark.parametrize("path", ["srv/.git", "srv/.git/config", "srv/.git/objects/aa/bb"])
def test_a_directory_takes_everything_below_along(path: str) -> None:
    assert compile_globs(["**/.git"])(path)
    assert not compile_globs(["**/.git"])(path.replace(".git", ".github"))


def test_several_patterns_match_what_any_of_them_matches() -> None:
    matches = compile_globs(["a", "b/*"])
    assert [bool(matches(path)) for path in ("a", "b/c", "b", "c")] == [True, True, False, False]


@pytest.mark.parametrize("pattern", ["/", "./", "//"])
def test_a_pattern_that_names_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(OptionError, match="names no path"):
        compile_globs([pattern])


def test_no_pattern_makes_a_long_path_take_long() -> None:
    matches = compile_globs(["*a*a*a*a*a*a*a*b", "**/a/**/a/**/a/**/a/**/b", "*a?*a?*a?*a?[!a]"])
    started = time.process_time()
    assert not matches("a" * 20_000) and not matches("a/" * 10_000 + "a")
    assert time.process_time() - started < 2


_PATHS = st.text(st.sampled_from("ab./"), max_size=12).map(
    lambda text: "/".join(part for part in text.split("/") if part)
)
_PATTERNS = st.text(st.sampled_from("ab.*?/[]!-"), min_size=1, max_size=8)


@given(_PATTERNS, _PATHS)
def test_without_double_stars_it_is_fnmatch_on_a_path_or_a_directory_above(pattern: str, path: str) -> None:
    bare = pattern.strip("/").removeprefix("./")
    if not bare or "**" in bare or bare != pattern or bare.startswith("./"):
        return
    lineage = [path[:end] for end in range(len(path)) if path[end] == "/"] + [path]
    expected = any(fnmatch.fnmatchcase(each, pattern) for each in lineage)
    assert bool(compile_globs([pattern])(path)) == expected


@given(st.lists(st.sampled_from(["**", "a", "b", "*", "a*", "?"]), min_size=1, max_size=5), _PATHS)
def test_double_stars_stand_for_any_directories(parts: list[str], path: str) -> None:
    pattern = "/".join(parts)
    lineage = [path[:end] for end in range(len(path)) if path[end] == "/"] + [path]
    expected = any(_fits(tuple(parts), each) for each in lineage)
    assert bool(compile_globs([pattern])(path)) == expected


def _fits(parts: tuple[str, ...], path: str) -> bool:
    """The definition, spelled out: try every run of directories for the first `**/`."""
    if "**" not in parts[:-1]:
        return fnmatch.fnmatchcase(path, "/".join(parts))
    first = parts.index("**")
    before, after = "".join(f"{part}/" for part in parts[:first]), parts[first + 1 :]
    starts = [0, *(position + 1 for position, char in enumerate(path) if char == "/")]
    return any(
        fnmatch.fnmatchcase(path[:start], before) and _fits(after, path[end:])
        for start in starts
        for end in starts
        if start <= end
    )
