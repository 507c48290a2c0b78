"""What can go wrong at a registry."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """Happens to the next `times` requests of this method whose path contains `path`; None is for ever.

    status         answer this, with `body`, instead of doing the work
    early          … without reading the request's body, and hang up
    headers        put these into the answer, in place of the right ones; None leaves one out
    cut_after      send so many bytes of the answer's body, then end the connection
    reset          … with an RST instead of a FIN
    stall          … after so many seconds of silence
    think          be silent for so many seconds before the answer begins
    drip           send the body byte by byte, with so many seconds between
    flip           change the body's byte at this position
    ignore_range   answer a Range request with the whole
    read_only      read so many bytes of the request's body, then reset the connection
    after_work     do the work, then answer `status`, or reset the connection where that is 0
    """

    method: str = ""
    path: str = ""
    times: int | None = 1
    status: int = 0
    body: bytes = b""
    early: bool = False
    headers: Mapping[str, str | None] = field(default_factory=dict)
    cut_after: int | None = None
    reset: bool = False
    stall: float = 0.0
    think: float = 0.0
    drip: float = 0.0
    flip: int | None = None
    ignore_range: bool = False
    read_only: int | None = None
    after_work: bool = False

    def concerns(self, method: str, path: str) -> bool:
        return self.method in ("", method) and self.path in path


class Faults:
    """The faults still to come. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[tuple[Fault, list[int]]] = []

    def plan(self, fault: Fault) -> None:
        with self._lock:
            self._planned.append((fault, [-1 if fault.times is None else fault.times]))

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """The first planned fault that concerns this request, counted as having happened."""
        with self._lock:
            for fault, left in self._planned:
                if left[0] and fault.concerns(method, path):
                    left[0] -= 1
                    return fault
            return None
