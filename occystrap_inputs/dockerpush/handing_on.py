"""Blobs that go on while the daemon still pushes others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from occystrap_core.contracts.arrival import Arrival, Take
from occystrap_core.kit.distribution.server import StoredBlob
from occystrap_core.model.digest import Digest

_HEAD = 512


class HandingOn:
    """A few at a time, on threads of its own: the daemon is not kept waiting for whoever takes them.

    The first error of a taker is raised where the block is left; `give_up` is called at once.
    """

    def __init__(self, take: Take, at_once: int, give_up: Callable[[], None]) -> None:
        self._take = take
        self._give_up = give_up
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="hand-on")
        self._offers: list[Future[None]] = []

    def offer(self, digest: Digest, blob: StoredBlob) -> None:
        self._offers.append(self._pool.submit(self._offer, digest, blob))

    def __enter__(self) -> HandingOn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=error is not None)
        for offer in self._offers:
            if not offer.cancelled() and (failure := offer.exception()):
                raise failure from None

    def _offer(self, digest: Digest, blob: StoredBlob) -> None:
        try:
            head = next(iter(blob.chunks()), b"")[:_HEAD]
            self._take(Arrival(blob.size, head, blob.chunks(), digest))
        except BaseException:
            self._give_up()
            raise
