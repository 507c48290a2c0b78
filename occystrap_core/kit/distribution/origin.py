"""Origins, which credentials are bound to, and the URLs below them."""

from __future__ import annotations

import ipaddress
from urllib.parse import urljoin, urlsplit

from occystrap_core.model.errors import TransferError
from occystrap_core.model.reference import Reference
from occystrap_core.model.value import value

_DEFAULT_PORTS = {"http": 80, "https": 443}
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@value
class Origin:
    """Scheme, host (lower case, IPv6 without brackets) and port of a URL."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


@value
class Url:
    """An origin and what is asked of it, path and query exactly as they will be sent."""

    origin: Origin
    target: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """Read an absolute http(s) URL without user and fragment; anything else raises TransferError."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise _unusable(text) from None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc or not _sendable(text):
            raise _unusable(text)
        origin = Origin(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme])
        return cls(origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))

    def join(self, location: str) -> Url:
        """Where a Location header of this URL's answer leads."""
        try:
            return Url.parse(urljoin(str(self), location))
        except ValueError:
            raise _unusable(location) from None

    def with_query(self, query: str) -> Url:
        return Url(self.origin, f"{self.target}{'&' if '?' in self.target else '?'}{query}")

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"


def _sendable(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and "\\" not in text


def _unusable(text: str) -> TransferError:
    return TransferError(f"{text[:200]!r} is not a URL that can be followed")


def registry_origin(reference: Reference, insecure: bool | None) -> Origin:
    """Where a registry answers. Plain HTTP when `insecure` says so, and for this machine unless it says no."""
    tls = Url.parse(f"https://{reference.api_host}").origin
    plain = tls.is_loopback if insecure is None else insecure
    return Url.parse(f"http://{reference.api_host}").origin if plain else tls


def is_loopback(host: str) -> bool:
    address = ip_address(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def ip_address(host: str) -> IpAddress | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
