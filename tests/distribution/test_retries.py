"""Trying again, and not too often."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.kit.distribution.failures import Transient, server_words, shown
from occystrap_core.kit.distribution.origin import Url
from occystrap_core.kit.distribution.retry import RateLimit, RetryPolicy, rate_limit_of
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import TransferError
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.distribution.conftest import ClientFor


def busy(after: float | None = None) -> Transient:
    error = Transient("busy")
    error.after = after
    return error


def test_waits_grow_and_end() -> None:
    waits: list[float] = []
    attempts = RetryPolicy(retries=3, first_wait=1, sleep=waits.append).begin()
    for _ in range(3):
        attempts.failed(busy())
    assert all(0.8 * usual <= wait <= 1.2 * usual for usual, wait in zip((1, 2, 4), waits, strict=True))
    with pytest.raises(TransferError, match="given up after 4 attempts"):
        attempts.failed(busy())


def test_progress_begins_the_count_anew() -> None:
    attempts = RetryPolicy(retries=1, sleep=lambda _: None).begin()
    for _ in range(5):
        attempts.failed(busy())
        attempts.progressed()


@pytest.mark.parametrize(("asked", "waited"), [(0, 0), (2, 2), (86400, 60)])
def test_the_server_may_ask_for_a_pause_of_up_to_a_minute(asked: float, waited: float) -> None:
    waits: list[float] = []
    RetryPolicy(retries=1, sleep=waits.append).begin().failed(busy(asked))
    assert waits == [waited]


@pytest.mark.parametrize(
    ("value", "at_most"),
    [
        ("0", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("in five seconds", 5.0),
        ("soon", 0.02),
        ("-1", 0.02),
        ("9" * 400, 60.0),
    ],
)
def test_retry_after_in_any_form(embedded: EmbeddedRegistry, client_for: ClientFor, value: str, at_most: float) -> None:
    waits: list[float] = []
    asked = formatdate(time.time() + 5, usegmt=True) if value == "in five seconds" else value
    embedded.fail(Fault(status=429, headers={"Retry-After": asked}))
    client = client_for(embedded, sleep=waits.append)
    assert not client.has_blob(Digest.of(b"")) and client.traffic.rate_limits == 1
    assert waits[0] <= at_most


def test_the_limit_is_shared_by_all_clients_of_a_registry() -> None:
    origin = Url.parse("https://quay.io").origin
    assert rate_limit_of(origin, 2.0) is rate_limit_of(origin, 2.0)
    assert rate_limit_of(origin, 2.0) is not rate_limit_of(Url.parse("https://ghcr.io").origin, 2.0)


def test_requests_begin_at_the_rate_allowed() -> None:
    waits: list[float] = []
    limit = RateLimit(10, sleep=waits.append)
    for _ in range(4):
        limit.wait()
    assert [round(wait, 1) for wait in waits] == [0.1, 0.2, 0.3]


def test_no_limit_waits_for_nothing() -> None:
    waits: list[float] = []
    limit = RateLimit(None, sleep=waits.append)
    for _ in range(4):
        limit.wait()
    assert waits == []


@given(st.binary(max_size=300))
def test_whatever_a_server_says_is_fit_for_a_terminal(body: bytes) -> None:
    words = server_words(body)
    assert words.isprintable() and len(words) <= 301


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"errors":[{"code":"DENIED","message":"no"},{"code":"UNKNOWN"},7]}', "DENIED: no; UNKNOWN"),
        (b'{"errors":[]}', ""),
        (b'{"details":"incorrect username or password"}', "incorrect username or password"),
        (b"<html>\n  <b>502</b>\n</html>", "<html> <b>502</b> </html>"),
        (b"\xff\x1b[2J", "�\\x1b[2J"),
        (b"[1]", ""),
        (b"", ""),
    ],
)
def test_what_refusals_say(body: bytes, words: str) -> None:
    assert server_words(body) == words


def test_long_words_are_cut() -> None:
    assert shown("x" * 5000) == "x" * 300 + "…"
    assert shown("a\u202eb\n\tc") == "a\\u202eb c"


def test_waiting_is_real(embedded: EmbeddedRegistry, client_for: ClientFor) -> None:
    embedded.fail(Fault(path="/manifests/", status=429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    with pytest.raises(Exception, match="MANIFEST_UNKNOWN"):
        client_for(embedded).manifest("v1")
    assert time.monotonic() - began >= 1
