"""Which image of which layout an `ocidir://` address means."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote

from occystrap_core.contracts.address import Address
from occystrap_core.model.digest import HEX_LENGTHS, Digest
from occystrap_core.model.errors import InvalidDigest, UsageError
from occystrap_core.model.value import value

_COMPONENT = r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_MAX_NAME = 255


@value
class LayoutTarget:
    """`name` is a tag or another name in the layout, empty where none is given; a digest wins over it.

    `location` is the path as it was written in the address.
    """

    location: str
    path: Path
    name: str = ""
    digest: Digest | None = None

    @classmethod
    def of(cls, address: Address, ref: str = "") -> LayoutTarget:
        """Read `PATH`, `PATH:TAG` or `PATH@DIGEST`; with `ref` the whole target is the path.

        A colon or an @ that belongs to the path is written %3A or %40.
        """
        if ref:
            is_digest = ref.partition(":")[0].removeprefix("@") in HEX_LENGTHS
            location, name, digest = address.target, "" if is_digest else ref, ref.removeprefix("@")
            return cls(location, address.path(), name, _digest(digest) if is_digest else None)
        location, name, digest = _split(address.target)
        path = Address(address.scheme, location).path()
        return cls(location, path, unquote(name), _digest(digest) if digest else None)

    def uri(self, name: str) -> str:
        """The address of another image in the same layout."""
        if _TAG.fullmatch(name) and _split(self.location)[0] == self.location:
            return f"ocidir://{self.location}:{name}"
        return f"ocidir://{self.location}?ref={quote(name, safe='/:')}"


def check_name(name: str) -> None:
    """Refuse a name that other tools could not address."""
    if len(name) > _MAX_NAME or not (_TAG.fullmatch(name) or _NAME.fullmatch(name)):
        raise UsageError(
            f"{name!r} cannot be a name in an image layout",
            hint="use letters and digits, separated by one of - . _ : @ + /",
        )


def _split(target: str) -> tuple[str, str, str]:
    """The path, the tag and the digest, where there are any."""
    folders, slash, last = target.rpartition("/")
    last, digest = _cut(last, "@")
    if digest.partition(":")[0] not in HEX_LENGTHS:
        last, digest = target.rpartition("/")[2], ""
    last, name = _cut(last, ":")
    return f"{folders}{slash}{last}", name, digest


def _cut(text: str, separator: str) -> tuple[str, str]:
    head, found, tail = text.rpartition(separator)
    return (head, tail) if found else (text, "")


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise UsageError(error.message) from None
