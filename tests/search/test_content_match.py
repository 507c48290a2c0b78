"""An expression is found in a file just as it is in its whole content, however the file is cut into chunks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.engine import content_match
from occystrap_core.engine.content_match import ContentMatch, first_match

EXPRESSIONS = [
    rb"b+",
    rb"^a",
    rb"a$",
    rb"\Aab",
    rb"b\Z",
    rb"(?<=a)b",
    rb"a(?=b)",
    rb"\bab\b",
    rb"aab?a",
    rb"",
    rb"a\nb",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
@given(chunks=st.lists(st.text("ab \n", max_size=9).map(str.encode), max_size=12))
def test_small_pieces_and_little_context(expression: bytes, chunks: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content_match, "PIECE", 4)
        patch.setattr(content_match, "CONTEXT", 2)
        patch.setattr(content_match, "MAX_MATCH", 1000)
        compiled = re.compile(expression, re.MULTILINE)
        whole = compiled.search(b"".join(chunks))
        found = first_match(compiled, chunks)
        assert (found.offset if found else None) == (whole.start() if whole else None)
        assert whole is None or (found and found.text == whole[0].decode())


def test_what_a_long_match_begins_with_is_told() -> None:
    found = first_match(re.compile(rb"x+"), [b"..", b"x" * 1000])
    assert found == ContentMatch(2, "x" * 160)


def test_bytes_that_are_no_text_are_escaped() -> None:
    assert first_match(re.compile(rb"\xff\x00."), [b"\xff\x00\xfe"]) == ContentMatch(0, "\\xff\x00\\xfe")


def test_memory_is_bounded_where_a_match_never_ends() -> None:
    endless = (b"a" * (1 << 16) for _ in range(200))
    assert first_match(re.compile(rb"a+b?"), endless) is not None
    assert next(endless, None) is not None, "the rest was not read"


def test_views_of_a_buffer_that_is_overwritten_are_copied() -> None:
    buffer = bytearray(b"nee")

    def chunks() -> object:
        yield memoryview(buffer)
        buffer[:] = b"dle"
        yield memoryview(buffer)

    assert first_match(re.compile(b"needle"), chunks()) == ContentMatch(0, "needle")  # type: ignore[arg-type]
