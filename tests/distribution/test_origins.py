"""Whom we talk to, over what, and who may see the password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.kit.distribution.connection import may_be_reached_from
from occystrap_core.kit.distribution.origin import Origin, Url, ip_address, registry_origin
from occystrap_core.kit.distribution.proxies import Proxy, proxy_for
from occystrap_core.kit.distribution.realm import checked_realm, may_see_credentials
from occystrap_core.model.errors import AccessDenied, TransferError, UsageError
from occystrap_core.model.reference import Reference


def origin(url: str) -> Origin:
    return Url.parse(url).origin


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("docker.io/a/b", "https://registry-1.docker.io"),
        ("quay.io/a", "https://quay.io"),
        ("quay.io:443/a", "https://quay.io"),
        ("quay.io:8443/a", "https://quay.io:8443"),
        ("registry/a", "https://registry"),
        ("EXAMPLE/a", "https://example"),
        ("localhost/a", "http://localhost"),
        ("localhost:5000/a", "http://localhost:5000"),
        ("127.0.0.1:5000/a", "http://127.0.0.1:5000"),
        ("127.9.9.9/a", "http://127.9.9.9"),
        ("[::1]:5000/a", "http://[::1]:5000"),
        ("[::ffff:127.0.0.1]/a", "http://[::ffff:127.0.0.1]"),
        ("[2001:db8::1]/a", "https://[2001:db8::1]"),
        ("localhost.example.com/a", "https://localhost.example.com"),
        ("127.0.0.1.example.com/a", "https://127.0.0.1.example.com"),
    ],
)
def test_this_machine_is_spoken_to_without_tls(name: str, url: str) -> None:
    assert str(registry_origin(Reference.located(name), None)) == url


def test_insecure_says_otherwise_both_ways() -> None:
    assert str(registry_origin(Reference.located("quay.io/a"), True)) == "http://quay.io"
    assert str(registry_origin(Reference.located("localhost/a"), False)) == "https://localhost"


def test_a_location_keeps_its_bytes() -> None:
    base = Url.parse("https://h/v2/a/blobs/uploads/")
    assert str(base.join("/x?sig=a%2Fb%2b=&y=%7E~{}")) == "https://h/x?sig=a%2Fb%2b=&y=%7E~{}"
    assert str(base.join("other?z")) == "https://h/v2/a/blobs/uploads/other?z"
    assert str(base.join("//cdn/x")) == "https://cdn/x"
    assert str(base.join("x#fragment")) == "https://h/v2/a/blobs/uploads/x"
    assert Url.parse("https://h").with_query("a=b").target == "/?a=b"


@given(st.text(alphabet="htps:/@[]?#\\ .-abc019\r\n\t%é", max_size=30))
def test_a_url_is_usable_or_refused(text: str) -> None:
    try:
        url = Url.parse(text)
    except TransferError:
        return
    assert url.target.startswith("/") and url.target.isprintable() and " " not in url.target
    assert Url.parse(str(url)) == url


@pytest.mark.parametrize(
    "url", ["https://good@evil/", "https://good\\@evil/", "http://h\r\n/", "http:///x", "https://h:x/"]
)
def test_urls_that_readers_disagree_about_are_refused(url: str) -> None:
    with pytest.raises(TransferError):
        Url.parse(url)


@pytest.mark.parametrize(
    ("realm", "registry"),
    [
        ("https://auth.docker.io", "https://registry-1.docker.io"),
        ("https://gitlab.com", "https://registry.gitlab.com"),
        ("https://auth.example.co.uk", "https://registry.example.co.uk"),
        ("https://h:8443", "https://h"),
        ("http://127.0.0.1:5001", "http://127.0.0.1:5000"),
    ],
)
def test_the_same_site_may_see_the_password(realm: str, registry: str) -> None:
    assert may_see_credentials(origin(realm), origin(registry), ())


@pytest.mark.parametrize(
    ("realm", "registry"),
    [
        ("https://evil.com", "https://registry.example.com"),
        ("https://example.com.evil.com", "https://example.com"),
        ("https://evilexample.com", "https://example.com"),
        ("https://evil.co.uk", "https://example.co.uk"),
        ("https://10.0.0.2", "https://10.0.0.1"),
        ("https://auth", "https://registry"),
    ],
)
def test_another_site_may_not(realm: str, registry: str) -> None:
    assert not may_see_credentials(origin(realm), origin(registry), ())
    assert may_see_credentials(origin(realm), origin(registry), (origin(realm).host,))


def test_a_realm_needs_tls_unless_the_registry_itself_has_none() -> None:
    assert checked_realm("http://h:5001/token", origin("http://h:5000")).target == "/token"
    assert checked_realm("https://a/t?x=1", origin("http://h:5000")).target == "/t?x=1"
    for registry in ("https://h", "http://other"):
        with pytest.raises(AccessDenied, match="without TLS"):
            checked_realm("http://h/token", origin(registry))


@pytest.mark.parametrize(
    ("target", "home", "allowed"),
    [
        ("8.8.8.8", "1.1.1.1", True),
        ("10.0.0.1", "1.1.1.1", False),
        ("169.254.169.254", "1.1.1.1", False),
        ("169.254.169.254", "10.0.0.1", False),
        ("127.0.0.1", "10.0.0.1", False),
        ("::1", "2606:4700::1", False),
        ("fd00::1", "2606:4700::1", False),
        ("10.0.0.1", "192.168.1.1", True),
        ("10.0.0.1", "127.0.0.1", True),
        ("::ffff:10.0.0.1", "1.1.1.1", False),
        ("1.1.1.1", "10.0.0.1", True),
    ],
)
def test_nobody_sends_us_deeper_into_a_private_network_than_it_lies_itself(
    target: str, home: str, allowed: bool
) -> None:
    assert may_be_reached_from(ip_address(home), ip_address(target)) is allowed


def test_a_proxy_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for(origin("https://quay.io")) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://us%40er:p%3Aw@proxy:3128")
    monkeypatch.setenv("no_proxy", "internal.example.com, .corp, other:8443,10.0.0.1")
    proxy = proxy_for(origin("https://quay.io"))
    assert proxy == Proxy("proxy", 3128, (("Proxy-Authorization", "Basic dXNAZXI6cDp3"),))
    assert "p:w" not in repr(proxy) and "dXNA" not in repr(proxy)
    for exempt in (
        "https://internal.example.com", "https://a.internal.example.com", "https://x.corp", "https://other:8443",
        "https://10.0.0.1", "https://127.0.0.1:5000", "https://localhost", "http://quay.io",
    ):  # fmt: skip
        assert proxy_for(origin(exempt)) is None, exempt
    assert proxy_for(origin("https://other"))
    monkeypatch.setenv("no_proxy", "*")
    assert proxy_for(origin("https://quay.io")) is None


@pytest.mark.parametrize("value", ["socks5://h:1", "http://", "http://[x"])
def test_an_unusable_proxy_is_said_so_without_its_password(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("all_proxy", value)
    with pytest.raises(UsageError, match="proxy that the environment names is not usable"):
        proxy_for(origin("https://quay.io"))
