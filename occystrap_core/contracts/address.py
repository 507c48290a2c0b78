"""Addresses: a URI split where the core may split it, the rest left to the scheme's plugin."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from urllib.parse import unquote, unquote_plus

from occystrap_core.model.errors import OccystrapError, UsageError
from occystrap_core.model.value import value

_ANY_URI = "write it as scheme://…, for example tar://image.tar"
_DIGESTS = ("sha256:", "sha512:")


@value
class Address:
    """`scheme://target?key=value`. Only the plugin of the scheme knows what a target means.

    `pairs` are the query's keys and values in order, percent-decoded, never coerced.
    """

    scheme: str
    target: str = field(repr=False)
    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Split `scheme://target?query` or `scheme:target?query`.

        >>> Address.parse("tar:a%20b.tar?ref=2").path()
        PosixPath('a b.tar')
        """
        scheme, colon, rest = text.partition(":")
        if not colon or not scheme or not scheme.replace("-", "").replace("+", "").isalnum():
            raise UsageError(f"{text!r} is not a URI", hint=written_out(text))
        target, _, query = rest.removeprefix("//").partition("?")
        return cls(scheme.lower(), target.partition("#")[0], tuple(_pairs(query.partition("#")[0])))

    @property
    def is_standard_input(self) -> bool:
        return self.target in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")

    @property
    def is_standard_output(self) -> bool:
        return self.target in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")

    def path(self) -> Path:
        """The target read as a file path: percent-decoded to bytes that need not be UTF-8,
        `localhost/abs` meaning `/abs`."""
        target = unquote(self.target, errors="surrogateescape")
        if target.startswith("localhost/"):
            target = target.removeprefix("localhost")
        if not target:
            raise UsageError(f"{self.scheme}:// needs a path", hint=f"for example {self.scheme}://some/path")
        path = Path(target)
        # A path forgets the ./ that tells a file of this name from standard input and output.
        return path.absolute() if str(path) == "-" != self.target else path

    def __str__(self) -> str:
        """Fit to be shown: without user, password and options."""
        authority, slash, rest = self.target.partition("/")
        return f"{self.scheme}://{without_login(authority)}{slash}{rest}"


def without_login(authority: str) -> str:
    """
    >>> without_login("me:secret@host:5000"), without_login("images@sha256:ab")
    ('host:5000', 'images@sha256:ab')
    """
    before, _, after = authority.rpartition("@")
    if before and after.startswith(_DIGESTS):
        return f"{before.rpartition('@')[2]}@{after}"
    return after


def written_out(text: str) -> str:
    """How to write as a URI what was written as docker and its kin would take it."""
    from occystrap_core.model.reference import DOCKER_HUB, Reference  # only a mistake needs it

    try:
        reference = Reference.parse(text)
    except OccystrapError:
        return _ANY_URI
    if text.endswith((".tar", ".tgz", ".gz", ".zst")):
        return _ANY_URI
    is_bare = reference.registry == DOCKER_HUB and DOCKER_HUB not in text.partition("/")[0]
    return f"write it as registry://{DOCKER_HUB}/{text}" if is_bare else f"write it as registry://{text}"


def _pairs(query: str) -> list[tuple[str, str]]:
    pairs = []
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        if part:
            pairs.append((unquote_plus(key), unquote_plus(value) if equals else ""))
    return pairs
