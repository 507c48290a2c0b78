"""Trying again, and not too often."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from occystrap_core.kit.distribution.failures import Transient
from occystrap_core.kit.distribution.origin import Origin
from occystrap_core.model.value import value

MAX_WAIT = 60.0


@dataclass(slots=True)
class Traffic:
    """What a client did so far, for summaries. Threads may share it."""

    requests: int = 0
    retries: int = 0
    rate_limits: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def requested(self) -> None:
        with self._lock:
            self.requests += 1

    def retried(self, for_rate_limit: bool) -> None:
        with self._lock:
            self.retries += 1
            self.rate_limits += for_rate_limit


class RateLimit:
    """Lets `rate` requests a second begin, whatever the number of threads; None lets all begin."""

    def __init__(self, rate: float | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self, sleep: Callable[[float], None] | None = None) -> None:
        with self._lock:
            now = time.monotonic()
            start = max(self._next, now)
            self._next = start + self._interval
        if start > now:
            (sleep or self._sleep)(start - now)


@lru_cache(maxsize=256)
def rate_limit_of(origin: Origin, rate: float | None) -> RateLimit:
    """The limit is a registry's, so that a source and a destination there share it."""
    return RateLimit(rate)


@value
class RetryPolicy:
    """`retries` after the first attempt, waiting `first_wait` seconds, then twice as long each time."""

    retries: int = 3
    first_wait: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    traffic: Traffic = field(default_factory=Traffic)

    def begin(self) -> Attempts:
        return Attempts(self)


class Attempts:
    """The attempts at one operation."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._failures = 0

    def failed(self, error: Transient) -> None:
        """Return after a while when another attempt is due; raise `error` when there were enough."""
        policy = self._policy
        if self._failures >= policy.retries:
            if self._failures:
                error.hint = error.hint or f"given up after {self._failures + 1} attempts"
            raise error
        self._failures += 1
        policy.traffic.retried(error.is_rate_limit)
        policy.sleep(self._wait(error))

    def progressed(self) -> None:
        """Something was won: the next failure counts as the first."""
        self._failures = 0

    def _wait(self, error: Transient) -> float:
        if error.after is not None:
            return min(error.after, MAX_WAIT)
        backoff = self._policy.first_wait * 2.0 ** (self._failures - 1)
        return min(backoff * random.uniform(0.8, 1.2), MAX_WAIT)  # noqa: S311 - spreads retries, guards nothing
