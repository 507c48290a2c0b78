"""Windows that would not fit into memory side by side are used one after the other."""

from __future__ import annotations

import threading
from types import TracebackType

LARGE = 8 << 20
"""What more than this asks for its turn; every compressor's usual settings ask for less."""
_PATIENCE = 1.0


class WindowTurn:
    """One stream's right to a large window. The first call of `ask` waits for it, leaving gives it up.

    Whoever has the turn may stand still because what it makes is wanted only after what is made
    here. After a second of that it is not waited for any longer: more memory is better than
    two streams that wait for each other. A stream is not asked to wait twice.
    """

    __slots__ = ("_asked", "_granted")

    def __init__(self) -> None:
        self._asked = self._granted = False

    def ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._granted = _owner.awaited()

    def moved(self) -> None:
        if self._granted:
            _owner.moves += 1

    def __enter__(self) -> WindowTurn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._granted:
            self._granted = False
            _owner.lock.release()


class _Owner:
    """Of the one large window in this process. Only the one who holds the lock counts `moves`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.moves = 0

    def awaited(self) -> bool:
        seen = self.moves
        while not self.lock.acquire(timeout=_PATIENCE):
            if self.moves == seen:
                return False
            seen = self.moves
        return True


_owner = _Owner()
