"""An X.509 version 3 certificate that vouches for itself (RFC 5280)."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from occystrap_core.kit.certificates import der
from occystrap_core.kit.certificates.p256 import PrivateKey

_EC_PUBLIC_KEY = der.object_id("1.2.840.10045.2.1")
_CURVE = der.object_id("1.2.840.10045.3.1.7")
_ECDSA_WITH_SHA256 = der.sequence(der.object_id("1.2.840.10045.4.3.2"))
_COMMON_NAME = der.object_id("2.5.4.3")
_SERVER_AUTHENTICATION = der.object_id("1.3.6.1.5.5.7.3.1")
_DIGITAL_SIGNATURE_AND_CERTIFICATE_SIGN = der.bits(b"\x84", unused=2)
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Both in PEM: what everybody may see, and its key."""

    certificate: str
    key: str = field(repr=False)


def self_signed(addresses: Sequence[str], *, lifetime: timedelta = timedelta(days=1)) -> Certificate:
    """A certificate for IP addresses, its own authority, good from an hour ago on."""
    key = PrivateKey.generate()
    signed = _to_be_signed(key, addresses, datetime.now(UTC), lifetime)
    signature = der.sequence(*map(der.integer, key.sign(signed)))
    certificate = der.sequence(signed, _ECDSA_WITH_SHA256, der.bits(signature))
    return Certificate(_pem("CERTIFICATE", certificate), _pem("EC PRIVATE KEY", _private_key(key)))


def _to_be_signed(key: PrivateKey, addresses: Sequence[str], now: datetime, lifetime: timedelta) -> bytes:
    name = der.sequence(der.set_of(der.sequence(_COMMON_NAME, der.text(addresses[0]))))
    return der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(secrets.randbits(127) + 1),
        _ECDSA_WITH_SHA256,
        name,
        der.sequence(der.time(now - _CLOCK_SKEW), der.time(now + lifetime)),
        name,
        der.sequence(der.sequence(_EC_PUBLIC_KEY, _CURVE), der.bits(key.public)),
        der.explicit(3, der.sequence(*_extensions(key, addresses))),
    )


def _extensions(key: PrivateKey, addresses: Sequence[str]) -> list[bytes]:
    """Those that Go, OpenSSL and Python ask of an authority and of a server."""
    key_id = hashlib.sha1(key.public).digest()
    names = [der.tagged(0x87, ipaddress.ip_address(address).packed) for address in addresses]
    return [
        _extension("2.5.29.19", der.sequence(der.true()), critical=True),
        _extension("2.5.29.15", _DIGITAL_SIGNATURE_AND_CERTIFICATE_SIGN, critical=True),
        _extension("2.5.29.37", der.sequence(_SERVER_AUTHENTICATION)),
        _extension("2.5.29.17", der.sequence(*names)),
        _extension("2.5.29.14", der.octets(key_id)),
        _extension("2.5.29.35", der.sequence(der.tagged(0x80, key_id))),
    ]


def _extension(object_id: str, value: bytes, *, critical: bool = False) -> bytes:
    return der.sequence(der.object_id(object_id), der.true() if critical else b"", der.octets(value))


def _private_key(key: PrivateKey) -> bytes:
    """As RFC 5915 has it."""
    public = der.explicit(1, der.bits(key.public))
    return der.sequence(der.integer(1), der.octets(key.secret_bytes()), der.explicit(0, _CURVE), public)


def _pem(label: str, content: bytes) -> str:
    return f"-----BEGIN {label}-----\n{encodebytes(content).decode()}-----END {label}-----\n"
