"""What follows `docker://`: the name of an image, or its ID."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from occystrap_core.contracts.address import Address
from occystrap_core.model.errors import UsageError
from occystrap_core.model.reference import Reference

_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_SHORT_ID = re.compile(r"[0-9a-f]{6,63}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`reference` is None for an ID. `spellings` are what to ask a daemon for, the likeliest first."""

    reference: Reference | None
    spellings: tuple[str, ...]

    @classmethod
    def of(cls, address: Address) -> Wanted:
        text = unquote(address.target)
        if not text:
            raise UsageError(f"{address.scheme}:// names no image", hint=f"for example {address.scheme}://busybox:1.36")
        if _ID.fullmatch(text):
            return cls(None, (text,))
        reference = Reference.parse(text)
        return cls(reference, tuple(_spellings(text, reference)))


def named(address: Address) -> Reference:
    """The name of an image that is going to be: with a tag, and no digest, which nobody can choose."""
    reference = Wanted.of(address).reference
    if reference is None or reference.digest:
        raise UsageError(
            f"{unquote(address.target)!r} is no name that an image can be given", hint="write a name and a tag"
        )
    return reference


def _spellings(text: str, reference: Reference) -> Iterator[str]:
    yield f"{reference.familiar}@{reference.digest}" if reference.digest else f"{reference.familiar}:{reference.tag}"
    if _SHORT_ID.fullmatch(text):
        yield text
