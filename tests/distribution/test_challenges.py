"""WWW-Authenticate as servers really write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.kit.distribution.challenge import Challenge, parse_challenges

words = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,10}", fullmatch=True)
values = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(st.dictionaries(words.map(str.lower), values, min_size=1, max_size=5), st.sampled_from([",", ", ", " , ", ",,"]))
def test_quoted_values_may_hold_anything(parameters: dict[str, str], comma: str) -> None:
    quoted = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in parameters.items()}
    header = "Bearer " + comma.join(f'{key}="{value}"' for key, value in quoted.items())
    assert parse_challenges([header]) == [Challenge("bearer", parameters)]


@given(st.lists(st.text(max_size=60), max_size=3))
def test_anything_at_all_is_read_without_an_error(headers: list[str]) -> None:
    for challenge in parse_challenges(headers):
        assert challenge.scheme == challenge.scheme.lower()


@pytest.mark.parametrize(
    ("header", "schemes"),
    [
        ("Basic", ["basic"]),
        ("Negotiate, Basic realm=x", ["negotiate", "basic"]),
        ('Basic realm="a", Bearer realm="b",service="c"', ["basic", "bearer"]),
        ("NTLM TlRMTVNTUAAB==, Basic realm=x", ["ntlm", "basic"]),
        (' , Bearer realm="b"', ["bearer"]),
        ("", []),
        ("=,=", []),
    ],
)
def test_one_header_may_hold_several(header: str, schemes: list[str]) -> None:
    assert [challenge.scheme for challenge in parse_challenges([header])] == schemes


def test_commas_in_a_scope_do_not_end_it() -> None:
    (challenge,) = parse_challenges(['Bearer scope="repository:a:pull,push",realm="https://h/t"'])
    assert challenge.parameters == {"scope": "repository:a:pull,push", "realm": "https://h/t"}


def test_the_first_of_two_equal_parameters_counts() -> None:
    (challenge,) = parse_challenges(['Bearer realm="https://good/", realm="https://evil/"'])
    assert challenge.parameters["realm"] == "https://good/"
