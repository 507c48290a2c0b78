"""What an input or output that talks to a server may tell about it. Optional."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Traffic(Protocol):
    """Counters that grow while the work goes on."""

    @property
    def requests(self) -> int: ...

    @property
    def retries(self) -> int: ...

    @property
    def rate_limits(self) -> int:
        """How often the server asked for a pause."""
        ...


@runtime_checkable
class HasTraffic(Protocol):
    """An input or output with this property has its retries shown in the summary."""

    @property
    def traffic(self) -> Traffic: ...
