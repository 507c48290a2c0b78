"""Which images of an index are wanted."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import NotFound
from occystrap_core.model.platform import Platform
from occystrap_core.model.value import value

_MOST_NAMED = 30


@value
class Selection:
    """One platform makes a single image of an index; several, or `everything`, keep it an index.

    A source of one image only need not be for the usual platform, but for one that is asked for
    `explicit`ly.
    """

    platforms: tuple[Platform, ...]
    everything: bool = False
    explicit: bool = False

    @property
    def single(self) -> Platform | None:
        return self.platforms[0] if len(self.platforms) == 1 and not self.everything else None

    def answered_by(self, platform: Platform) -> bool:
        return self.everything or any(platform.answers(wanted) for wanted in self.platforms)

    def __str__(self) -> str:
        return "all platforms" if self.everything else ", ".join(map(str, self.platforms))


def no_match(wanted: Selection | Platform, offered: Iterable[Platform]) -> NotFound:
    names = sorted({str(platform) for platform in offered})
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    hint = f"it has {', '.join(names[:_MOST_NAMED]) or 'none'}{more}"
    return NotFound(f"no image for {wanted}", side="source", hint=hint)


def best_answers(wanted: Platform, candidates: list[tuple[Descriptor, Platform]]) -> list[Descriptor]:
    """The candidates that serve `wanted`, exact matches before acceptable ones, else in order."""
    exact = [descriptor for descriptor, platform in candidates if platform.fits_exactly(wanted)]
    return exact or [descriptor for descriptor, platform in candidates if platform.answers(wanted)]
