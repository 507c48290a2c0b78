"""Which image of which layout an address means."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.contracts.address import Address
from occystrap_core.kit.oci_layout.target import LayoutTarget, check_name
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import UsageError

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def target(uri: str, ref: str = "") -> tuple[str, str]:
    found = LayoutTarget.of(Address.parse(uri), ref)
    return str(found.path), str(found.digest or found.name)


@pytest.mark.parametrize(
    ("uri", "path", "wanted"),
    [
        ("ocidir://out", "out", ""),
        ("ocidir:out:v1", "out", "v1"),
        ("ocidir://a/b:v1", "a/b", "v1"),
        ("ocidir:///abs/b:v1", "/abs/b", "v1"),
        ("ocidir://a:1/b", "a:1/b", ""),
        ("ocidir://a:1/b:2", "a:1/b", "2"),
        ("ocidir://a:b:c", "a:b", "c"),
        ("ocidir://a%3Ab", "a:b", ""),
        ("ocidir://a%20b%3A1:v%2B1", "a b:1", "v+1"),
        ("ocidir://.", ".", ""),
        ("ocidir://a:", "a", ""),
        (f"ocidir://a@{DIGEST}", "a", DIGEST),
        (f"ocidir://a:v1@{DIGEST}", "a", DIGEST),
        ("ocidir://me@home", "me@home", ""),
        ("ocidir://me@home:v1", "me@home", "v1"),
    ],
)
def test_a_tag_is_what_follows_the_last_colon_after_the_last_slash(uri: str, path: str, wanted: str) -> None:
    assert target(uri) == (path, wanted)


def test_with_ref_the_whole_address_is_the_path() -> None:
    assert target("ocidir://a:b", "docker.io/library/busybox:latest") == ("a:b", "docker.io/library/busybox:latest")
    assert target("ocidir://a", DIGEST) == ("a", DIGEST)
    assert target("ocidir://a", f"@{DIGEST}") == ("a", DIGEST)


def test_a_malformed_digest_is_the_users_mistake() -> None:
    with pytest.raises(UsageError, match="64 lower-case hex digits"):
        target("ocidir://a@sha256:abc")


@pytest.mark.parametrize("uri", ["ocidir://out", "ocidir:///abs/x:v1", "ocidir://a:1/b", "ocidir://a%3Ab"])
@pytest.mark.parametrize("name", ["v1", "latest", "localhost:5000/a/b:v1", "a+b"])
def test_the_address_of_another_image_leads_back_to_the_layout(uri: str, name: str) -> None:
    start = LayoutTarget.of(Address.parse(uri))
    again = Address.parse(start.uri(name))
    found = LayoutTarget.of(again, dict(again.pairs).get("ref", ""))
    assert (found.path, found.name) == (start.path, name)


def test_the_address_is_short_where_it_can_be() -> None:
    assert LayoutTarget.of(Address.parse("ocidir://out")).uri("v1") == "ocidir://out:v1"


@given(st.text(st.characters(codec="utf-8", exclude_characters="?#%\0"), min_size=1, max_size=20))
def test_any_path_can_be_written(text: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in text.encode())
    assert LayoutTarget.of(Address.parse(f"ocidir://{escaped}")).path == Path(text)


@pytest.mark.parametrize("name", ["latest", "v1.2-rc_3", "_x", "a/b", "docker.io/library/a:b", "a--b", "a+b"])
def test_good_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["-x", "a b", "a/../b", "../a", "a\nb", "é", "a//b", "x" * 300, "/a", ""])
def test_bad_names(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name"):
        check_name(name)


def test_a_digest_is_no_name() -> None:
    assert LayoutTarget.of(Address.parse("ocidir://a"), DIGEST).digest == Digest.parse(DIGEST)
