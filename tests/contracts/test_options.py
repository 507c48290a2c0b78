"""Options are typed, owned by their plugin, and never coerced behind the user's back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.contracts import Address, Settings, option
from occystrap_core.contracts.options import describe, keys_of, parse_options, split_filter
from occystrap_core.model.errors import OptionError, UsageError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Paint:
    pattern: tuple[str, ...] = option((), help="what to paint", required=True)
    timestamp: int = option(0, help="when", aliases=("ts",))
    dry_run: bool = option(False, help="only say so")
    password: str = option("", help="the secret", secret=True)
    colour: Colour | None = option(None, help="which")


def paint(text: str) -> Paint:
    name, pairs = split_filter(text, lambda name: keys_of(Paint))
    return parse_options(Paint, pairs, f"filter {name!r}", escaped=True)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("paint:pattern=a,b", Paint(("a", "b"))),
        ("paint:pattern=a,pattern=b", Paint(("a", "b"))),
        ("Paint:pattern=a,ts=5", Paint(("a",), 5)),
        ("paint:pattern=a,dry-run=yes", Paint(("a",), dry_run=True)),
        ("paint:pattern=a,DRY_RUN=0", Paint(("a",))),
        ("paint:pattern=a,password=1", Paint(("a",), password="1")),
        ("paint:pattern=a,password=00012345", Paint(("a",), password="00012345")),
        (r"paint:pattern=a,password=x\,ts=5", Paint(("a",), password="x,ts=5")),
        (r"paint:pattern=a\,b,c", Paint(("a,b", "c"))),
        (r"paint:pattern=a\\,b", Paint(("a\\", "b"))),
        (r"paint:pattern=a\b", Paint((r"a\b",))),
        ("paint:pattern=a,password=x{1,2}=y", Paint(("a",), password="x{1,2}=y")),
        ("paint:pattern=a,password=k=v", Paint(("a",), password="k=v")),
        ("paint:pattern=a,colour=BLUE", Paint(("a",), colour=Colour.BLUE)),
    ],
)
def test_what_users_write_is_what_the_plugin_gets(text: str, made: Paint) -> None:
    assert paint(text) == made


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("paint", "filter 'paint': option 'pattern' is missing (it takes what to paint)"),
        ("paint:pattern=", "filter 'paint': option 'pattern' is missing (it takes what to paint)"),
        ("paint:patern=a", "filter 'paint': there is no option 'patern' (did you mean 'pattern'?)"),
        ("paint:pattern=a,speed=3", "filter 'paint': there is no option 'speed'"),
        ("paint:pattern=a,ts=1.5", "filter 'paint': option 'ts': '1.5' is not a whole number"),
        ("paint:pattern=a,ts=1,timestamp=2", "filter 'paint': option 'timestamp' is given twice"),
        ("paint:pattern=a,dry-run=maybe", "filter 'paint': option 'dry-run': 'maybe' is neither true nor false"),
        ("paint:pattern=a,colour=green", "filter 'paint': option 'colour': 'green' is none of red, blue"),
        ("paint:a", "filter 'paint': 'a' is not an option (write it as key=value)"),
        (":a=b", "':a=b' is not a filter (write it as name or name:key=value,key=value)"),
    ],
)
def test_errors_name_the_owner_and_the_option(text: str, says: str) -> None:
    with pytest.raises(OptionError) as caught:
        paint(text)
    assert str(caught.value).startswith(says)
    assert caught.value.exit_code == 2


def test_help_can_describe_every_option() -> None:
    shown = {doc.name: (doc.type, doc.required, doc.aliases) for doc in describe(Paint)}
    assert shown["pattern"] == ("list", True, ())
    assert shown["timestamp"] == ("int", False, ("ts",))
    assert shown["colour"] == ("red|blue", False, ())


def test_secrets_are_not_shown() -> None:
    shown = [
        repr(paint("paint:pattern=a,password=hush")),
        repr(Settings(password="hush")),
        *(f"{a!r} {a}" for a in [Address.parse("registry://me:hush@host:5000/image?password=hush")]),
    ]
    assert not [text for text in shown if "hush" in text]
    assert str(Address.parse("registry://me:hush@host:5000/image")) == "registry://host:5000/image"


class TestAddress:
    @pytest.mark.parametrize(
        ("text", "scheme", "path"),
        [
            ("tar:foo.tar", "tar", "foo.tar"),
            ("tar://foo.tar", "tar", "foo.tar"),
            ("TAR:///abs/foo.tar", "tar", "/abs/foo.tar"),
            ("tar://localhost/abs", "tar", "/abs"),
            ("dir:./rel/x", "dir", "rel/x"),
            ("tar:///a%20b.tar", "tar", "/a b.tar"),
            ("tar://a%3Fb?ref=1", "tar", "a?b"),
        ],
    )
    def test_paths(self, text: str, scheme: str, path: str) -> None:
        address = Address.parse(text)
        assert (address.scheme, str(address.path())) == (scheme, path)

    def test_values_stay_text(self) -> None:
        assert Address.parse("registry://h/i?password=1&insecure=true&username=a%2Bb").pairs == (
            ("password", "1"),
            ("insecure", "true"),
            ("username", "a+b"),
        )

    @pytest.mark.parametrize("text", ["", "foo", "://x", "a b://c", "/path/to.tar"])
    def test_what_is_no_uri(self, text: str) -> None:
        with pytest.raises(UsageError, match="is not a URI"):
            Address.parse(text)

    @given(st.text(max_size=40))
    def test_any_text_is_an_address_or_a_usage_error(self, text: str) -> None:
        try:
            address = Address.parse(text)
        except UsageError:
            return
        assert address.scheme == address.scheme.lower()
