"""Which images of an index are wanted."""

from __future__ import annotations

from dataclasses import dataclass

from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.platform import Platform


@dataclass(frozen=True, slots=True)
class Selection:
    """One platform makes a single image of an index; several, or `everything`, keep it an index."""

    platforms: tuple[Platform, ...]
    everything: bool = False

    @property
    def single(self) -> Platform | None:
        return self.platforms[0] if len(self.platforms) == 1 and not self.everything else None

    def __str__(self) -> str:
        return "all platforms" if self.everything else ", ".join(map(str, self.platforms))


def best_answers(wanted: Platform, candidates: list[tuple[Descriptor, Platform]]) -> list[Descriptor]:
    """The candidates that serve `wanted`, exact matches before acceptable ones, else in order."""
    exact = [descriptor for descriptor, platform in candidates if platform.fits_exactly(wanted)]
    return exact or [descriptor for descriptor, platform in candidates if platform.answers(wanted)]
