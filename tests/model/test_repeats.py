"""Repeats in columns that are short, long, and full of them."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.model import repeats as module
from occystrap_core.model.repeats import repeats


def simply(numbers: list[int]) -> list[int]:
    return [place for place, number in enumerate(numbers) if number in numbers[:place]]


@given(st.lists(st.integers(-8, 8), max_size=40))
def test_they_are_told_in_order(numbers: list[int]) -> None:
    assert list(repeats(numbers)) == simply(numbers)


@given(numbers=st.lists(st.integers(-50, 50), max_size=60))
def test_also_where_the_column_is_looked_at_in_parts(numbers: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PART", 4)
        assert list(repeats(array("q", numbers))) == simply(numbers)


def test_a_column_of_hundreds_of_thousands_has_none() -> None:
    assert list(repeats(array("q", range(-150_000, 150_000)))) == []
