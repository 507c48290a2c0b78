"""JSON that two readers could understand differently is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.model import strict_json
from occystrap_core.model.errors import InvalidJson, OccystrapError

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | FLOATS | st.text()
VALUES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4)
)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"a":1,"a":2}', "the key 'a' twice"),
        (b'{"layers":[],"Layers":[]}', "readers disagree"),
        (b'{"digest":1,"DIGEST":2}', "readers disagree"),
        (b'{"x":NaN}', "NaN"),
        (b'{"x":-Infinity}', "Infinity"),
        (b'{"x":1e999}', "1e999"),
        (b'{"x":%s}' % (b"9" * 200_000), "200000 digits"),
        (b'\xef\xbb\xbf{"a":1}', "not valid JSON"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":1} x', "Extra data"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "nested deeper"),
        (b"", "not valid JSON"),
        (b"[1]", "must be a JSON object, not a list"),
        (b"null", "must be a JSON object, not null"),
        (b'"' + b"x" * strict_json.MAX_BYTES + b'"', "the limit is 4194304"),
        (b'{"x":[' + b"{}," * 100_000 + b"1]}", "more than 100000 objects and lists"),
        (b"[" * 100_001 + b'"' + b'\\"' * 500_000, "more than 100000 objects and lists"),
    ],
)
def test_what_is_refused_says_why_and_where(raw: bytes, says: str) -> None:
    with pytest.raises(InvalidJson, match=says) as caught:
        strict_json.loads_object(raw, "config sha256:0123")
    assert str(caught.value).startswith("config sha256:0123 ")


@pytest.mark.timeout(20)
def test_a_repeated_key_is_found_among_very_many() -> None:
    keys = b",".join(b'"%x":1' % number for number in range(300_000))
    with pytest.raises(InvalidJson, match="the key '493df' twice"):
        strict_json.loads_object(b'{%s,"493df":2}' % keys)


def test_of_repeated_keys_the_first_is_named() -> None:
    with pytest.raises(InvalidJson, match="the key 'b' twice"):
        strict_json.loads_object(b'{"a":1,"b":1,"c":1,"c":2,"b":2}')


def test_labels_may_differ_in_case() -> None:
    assert strict_json.loads_object(b'{"version":"1","Version":"2"}') == {"version": "1", "Version": "2"}


def test_brackets_in_strings_are_no_depth() -> None:
    raw = json.dumps({"cmd": "[{" * 500 + '\\"'}).encode()
    assert strict_json.loads_object(raw)["cmd"].startswith("[{")


def test_brackets_in_strings_are_no_objects() -> None:
    raw = json.dumps({"label": '"[{\\' * 100_000, "other": [{}]}).encode()
    assert strict_json.loads_object(raw)["other"] == [{}]


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_what_we_write_we_read(obj: dict[str, object]) -> None:
    try:
        raw = strict_json.dumps(obj)
    except UnicodeEncodeError:
        return
    if len({key.casefold() for key in obj}) == len(obj):
        assert strict_json.loads_object(raw) == obj


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_an_error_of_ours(raw: bytes) -> None:
    try:
        strict_json.loads(raw)
    except OccystrapError as error:
        assert "\n" not in str(error)
