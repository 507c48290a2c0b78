"""Nothing from an image or a server steers a terminal, and nothing secret is shown."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.cli import rendering
from occystrap_core.cli.rendering import as_json, format_size, safe, safe_bytes, without_credentials
from occystrap_core.cli.tables import table

ANY_TEXT = st.text(st.characters())


@given(ANY_TEXT)
def test_safe_text_is_printable_and_on_one_line(text: str) -> None:
    shown = safe(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text


@given(st.binary())
def test_a_name_of_any_bytes_is_printable(name: bytes) -> None:
    shown = safe_bytes(name)
    assert shown.isprintable()
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain ü 漢", "plain ü 漢"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("safe\u202egpj.exe", r"safe\u202egpj.exe"),
        ("zero\u200bwidth\u2028", r"zero\u200bwidth\u2028"),
        ("\U000e0041", r"\U000e0041"),
        ("\udcff", r"\xff"),
    ],
)
def test_what_would_steer_or_deceive_is_written_out(raw: str, shown: str) -> None:
    assert safe(raw) == shown


def test_bytes_that_are_no_text_are_written_out() -> None:
    assert safe_bytes(b"caf\xe9/\xc3\xa9\x1b") == r"caf\xe9/é\x1b"


@given(
    st.recursive(
        st.none() | st.text(st.characters()), lambda below: st.lists(below) | st.dictionaries(st.text(), below)
    )
)
def test_json_is_printable_ascii_and_says_the_same(value: object) -> None:
    text = as_json(value)
    assert text.replace("\n", "").isprintable()
    assert text.isascii()
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (1536, "1.5 KB"),
        (1024**2, "1.0 MB"),
        (1024**3, "1.0 GB"),
        (5 * 1024**4, "5120.0 GB"),
        (None, "N/A"),
    ],
)
def test_sizes_count_in_powers_of_1024(size: int | None, shown: str) -> None:
    assert format_size(size) == shown


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("tar://image.tar", "tar://image.tar"),
        ("registry://me:secret@host:5000/a/b:1", "registry://host:5000/a/b:1"),
        (f"ocidir://images@sha256:{'a' * 64}", f"ocidir://images@sha256:{'a' * 64}"),
        ("docker://me:secret@app@sha256:ab", "docker://app@sha256:ab"),
        ("registry://me:p@ss@host/a@sha256:ab", "registry://host/a@sha256:ab"),
        ("registry://host/a@sha256:ab?password=secret&username=me", "registry://host/a@sha256:ab"),
        ("tar:image.tar?x=1", "tar:image.tar"),
    ],
)
def test_credentials_are_left_out(uri: str, shown: str) -> None:
    assert without_credentials(uri) == shown


def test_tables_are_safe_too() -> None:
    shown = table(("Name",), [("a\x1b[2J\nb",)])
    assert r"a\x1b[2J\nb" in shown
    assert "\x1b" not in shown


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert rendering.coloured("x", rendering.RED, _Terminal()) == "\x1b[31mx\x1b[0m"
    assert rendering.coloured("x", rendering.RED, io.StringIO()) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert rendering.coloured("x", rendering.RED, _Terminal()) == "x"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert rendering.coloured("x", rendering.RED, _Terminal()) == "x"
