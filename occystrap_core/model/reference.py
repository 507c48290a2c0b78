"""References: the name of an image in a registry."""

from __future__ import annotations

import re

from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidDigest, UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.value import value

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"
MAX_NAME = 255

_HUB_HOSTS = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_HUB_API_HOST = "registry-1.docker.io"
_LABEL = "(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{{1,5}}))?")
_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@value
class Reference:
    """Where an image lies: always well-formed when it came from `parse` or `located`.

    A reference has a tag, a digest or both; one that was written with neither has the tag
    `latest`. `registry` is `docker.io` for every spelling of Docker Hub.

    >>> str(Reference.parse("busybox"))
    'docker.io/library/busybox:latest'
    """

    registry: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a name as people write it: the registry may be left out and is then Docker Hub."""
        first, slash, rest = text.partition("/")
        if slash and _looks_like_host(first):
            return cls._of(text, first, rest)
        if text.partition("@")[0].partition(":")[0] == "localhost":
            raise UsageError(f"{_shown(text)} names a registry but no image in it")
        return cls._of(text, DOCKER_HUB, text)

    @classmethod
    def located(cls, text: str) -> Reference:
        """Read `HOST[:PORT]/NAME[:TAG][@DIGEST]`, where what stands before the first `/` is the host."""
        host, slash, rest = text.partition("/")
        if not slash or not rest:
            raise UsageError(
                f"{_shown(text)} names no image", hint="write it as HOST/NAME[:TAG], for example docker.io/busybox"
            )
        return cls._of(text, host, rest)

    @classmethod
    def _of(cls, text: str, host: str, rest: str) -> Reference:
        registry = _registry(host, text)
        named, at, digest_text = rest.partition("@")
        name, colon, tag = named.partition(":")
        digest = _digest(digest_text, text) if at else None
        if colon and not _TAG.fullmatch(tag):
            raise _malformed(text, tag, "a tag", "up to 128 letters, digits, '_', '.' and '-'")
        _check_repository(name, f"{host}/{name}", text)
        if registry == DOCKER_HUB and "/" not in name:
            name = f"library/{name}"
        return cls(registry, name, tag or ("" if digest else DEFAULT_TAG), digest)

    @property
    def api_host(self) -> str:
        """The host that answers API requests, with its port where one was written."""
        return _HUB_API_HOST if self.registry == DOCKER_HUB else self.registry

    @property
    def wanted(self) -> str:
        """What a manifest is asked for by: the digest where there is one, else the tag."""
        return str(self.digest) if self.digest else self.tag

    @property
    def familiar(self) -> str:
        """The repository as people and RepoTags call it: Docker Hub's host and `library/` are left out."""
        first, _, rest = self.repository.partition("/")
        if self.registry != DOCKER_HUB or _looks_like_host(first):
            return f"{self.registry}/{self.repository}"
        return rest if first == "library" and "/" not in rest else self.repository

    @property
    def name(self) -> ImageName:
        return ImageName(self.familiar, self.tag)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def is_repository(text: str) -> bool:
    return len(text) <= MAX_NAME and bool(_REPOSITORY.fullmatch(text))


def is_tag(text: str) -> bool:
    return bool(_TAG.fullmatch(text))


def _looks_like_host(first: str) -> bool:
    """Docker's rule: a dot, a port, upper case or `localhost` make the first part a host."""
    return "." in first or ":" in first or first == "localhost" or first != first.lower()


def _registry(host: str, text: str) -> str:
    found = _HOST.fullmatch(host) if len(host) <= MAX_NAME else None
    if found is None or not _valid_port(found["port"]) or not _valid_ipv6(found["ipv6"]):
        raise _malformed(text, host, "a host", "a name or an address, IPv6 in brackets, and perhaps :PORT")
    return DOCKER_HUB if host.lower() in _HUB_HOSTS else host


def _valid_port(port: str | None) -> bool:
    return port is None or 0 < int(port) < 65536


def _valid_ipv6(address: str | None) -> bool:
    if address is None:
        return True
    import ipaddress

    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


def _check_repository(name: str, full_name: str, text: str) -> None:
    if len(full_name) > MAX_NAME:
        raise UsageError(f"{_shown(text)}: a name may be {MAX_NAME} characters long, this one has {len(full_name)}")
    if not _REPOSITORY.fullmatch(name):
        rule = "lower-case letters and digits, joined by single '.', '_', '/', by '__' or by any number of '-'"
        raise _malformed(text, name, "a repository name", rule)


def _digest(digest_text: str, text: str) -> Digest:
    try:
        return Digest.parse(digest_text)
    except InvalidDigest as error:
        raise UsageError(f"{_shown(text)}: {error.message}") from None


def _malformed(text: str, part: str, what: str, rule: str) -> UsageError:
    subject = _shown(part) if part == text else f"{_shown(part)} in {_shown(text)}"
    return UsageError(f"{subject} is not {what}", hint=rule)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 300 else f"{text[:300]}…")


def referrers_tag(digest: Digest) -> str:
    """The tag under which clients keep the list of what refers to a manifest, where a registry keeps none."""
    return f"{digest.algorithm[:32]}-{digest.hex[:64]}"
