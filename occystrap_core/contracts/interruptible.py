"""What an input or output that waits for others should be able to do. Optional."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Interruptible(Protocol):
    """A run that is stopped waits until no thread is at work any more. An input or output with this
    method does not let it wait for a peer that does not answer."""

    def interrupt(self) -> None:
        """Called from any thread while others are at work, `close` or `abort` still follow: whatever
        waits for a peer raises soon, and so does what is asked for later."""
        ...
