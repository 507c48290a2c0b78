"""What is remembered of the layers of one image, all together, has limits."""

from __future__ import annotations

from threading import Lock

from occystrap_core.model.errors import LimitExceeded

MOST_ENTRIES = 5_000_000
"""Those of a blob that stands in several places count in each."""

MOST_NAMES = 256 << 20
"""How many bytes the names of entries may take."""

MOST_NESTING = 4 << 30
"""The depth of a directory times the bytes of its path, for every row of entries in it, and of every link's target."""

MOST_WHITEOUTS = 1_000_000

MOST_OPAQUE = 100_000
"""How many directories layers may empty."""

MOST_ATTRIBUTES = 128 << 20
"""How many bytes the different sets of extended attributes may take, with what each costs."""

MOST_DEVICES = 100_000

_LARGEST_STEP = 64 << 10


class Budget:
    """Shared by the records of layers that are read side by side. They claim what they took in steps,
    which get smaller as the end comes near."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._names = self._entries = self._nesting = self._whiteouts = self._opaque = self._attributes = (
            self._devices
        ) = 0

    def claim(self, names: int, entries: int, nesting: int) -> tuple[int, int]:
        """How many bytes of names, and how much nesting, may come before the next claim."""
        with self._guard:
            self._names += names
            self._entries += entries
            self._nesting += nesting
            if self._names > MOST_NAMES:
                raise LimitExceeded(f"the names in the layers take more than {MOST_NAMES} bytes")
            if self._entries > MOST_ENTRIES:
                raise LimitExceeded(f"the layers have more than {MOST_ENTRIES} entries")
            if self._nesting > MOST_NESTING:
                raise LimitExceeded(
                    f"the directories in the layers are too deep: their depth times the length of their paths "
                    f"comes to more than {MOST_NESTING}"
                )
            return min(_LARGEST_STEP, names, MOST_NAMES - self._names >> 4), MOST_NESTING - self._nesting >> 8

    def claim_whiteout(self, path: bytes) -> None:
        with self._guard:
            self._names += len(path)
            self._whiteouts += 1
        if self._whiteouts > MOST_WHITEOUTS:
            raise LimitExceeded(f"the layers have more than {MOST_WHITEOUTS} whiteouts")
        if self._names > MOST_NAMES:
            raise LimitExceeded(f"the names in the layers take more than {MOST_NAMES} bytes")

    def claim_opaque(self) -> None:
        with self._guard:
            self._opaque += 1
        if self._opaque > MOST_OPAQUE:
            raise LimitExceeded(f"the layers have more than {MOST_OPAQUE} opaque markers")

    def claim_device(self) -> None:
        with self._guard:
            self._devices += 1
        if self._devices > MOST_DEVICES:
            raise LimitExceeded(f"the layers have more than {MOST_DEVICES} devices")

    def claim_attributes(self, size: int) -> None:
        with self._guard:
            self._attributes += size
        if self._attributes > MOST_ATTRIBUTES:
            raise LimitExceeded(f"the extended attributes in the layers take more than {MOST_ATTRIBUTES} bytes")
