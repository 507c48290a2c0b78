"""Content digests: the names of blobs and documents."""

from __future__ import annotations

import hashlib
from typing import Protocol

from occystrap_core.model.errors import InvalidDigest
from occystrap_core.model.value import value

HEX_LENGTHS = {"sha256": 64, "sha512": 128}
USUAL_ALGORITHM = "sha256"
_HEX = frozenset("0123456789abcdef")


class Hasher(Protocol):
    """The part of a hashlib object that the streams use."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...


@value
class Digest:
    """An algorithm and a lower-case hex value, always well-formed when it came from `parse`.

    >>> str(Digest.of(b""))[:19]
    'sha256:e3b0c44298fc'
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: object) -> Digest:
        """Read `algorithm:hex` strictly; anything else raises InvalidDigest."""
        if not isinstance(text, str):
            raise InvalidDigest(f"a digest must be a string, not {type(text).__name__}")
        algorithm, colon, value = text.partition(":")
        length = HEX_LENGTHS.get(algorithm)
        if not colon or length is None:
            raise InvalidDigest(f"{text[:80]!r} is not a digest of a supported algorithm (sha256, sha512)")
        if len(value) != length or not _HEX.issuperset(value):
            raise InvalidDigest(f"{text[:150]!r} is not a digest: {algorithm} takes {length} lower-case hex digits")
        return cls(algorithm, value)

    @classmethod
    def of(cls, data: bytes | memoryview, algorithm: str = "sha256") -> Digest:
        return cls(algorithm, hashlib.new(algorithm, data).hexdigest())

    def matches(self, data: bytes | memoryview) -> bool:
        return hashlib.new(self.algorithm, data).hexdigest() == self.hex

    def hasher(self) -> Hasher:
        """A fresh hash object of this digest's algorithm."""
        return hashlib.new(self.algorithm)

    @property
    def short(self) -> str:
        """What people read in a line of text."""
        return f"{self.algorithm}:{self.hex[:12]}"

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
