"""How the engine tells a person that work goes on."""

from __future__ import annotations

from typing import Protocol


class Task(Protocol):
    """One blob on its way."""

    def advance(self, count: int) -> None: ...

    def done(self, note: str = "") -> None: ...


class Progress(Protocol):
    """Called from several threads."""

    def start(self, title: str, total: int | None) -> Task: ...

    def say(self, line: str) -> None:
        """A milestone, for a person."""
        ...

    def warn(self, line: str) -> None: ...


class _SilentTask:
    def advance(self, count: int) -> None:
        pass

    def done(self, note: str = "") -> None:
        pass


class Silent:
    """For tests and libraries."""

    def start(self, title: str, total: int | None) -> Task:
        return _SilentTask()

    def say(self, line: str) -> None:
        pass

    def warn(self, line: str) -> None:
        pass
