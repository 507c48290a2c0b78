"""ECDSA on the curve P-256 (FIPS 186-4, D.1.2.3), enough to sign one certificate."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_A = -3
_BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_BYTES = 32

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """`public` is the public point, uncompressed (SEC 1, 2.3.3)."""

    secret: int = field(repr=False)
    public: bytes

    @classmethod
    def generate(cls) -> PrivateKey:
        secret = _random_scalar()
        x, y = times(secret, _BASE)
        return cls(secret, b"\x04" + x.to_bytes(_BYTES, "big") + y.to_bytes(_BYTES, "big"))

    def secret_bytes(self) -> bytes:
        return self.secret.to_bytes(_BYTES, "big")

    def sign(self, message: bytes) -> tuple[int, int]:
        """ECDSA with SHA-256."""
        hashed = int.from_bytes(hashlib.sha256(message).digest(), "big")
        while True:
            nonce = _random_scalar()
            r = times(nonce, _BASE)[0] % _N
            s = pow(nonce, -1, _N) * (hashed + r * self.secret) % _N
            if r and s:
                return r, s


def times(scalar: int, point: Point) -> Point:
    """`point` added to itself, by doubling; `scalar` is at least 1 and less than the curve's order."""
    result: Point | None = None
    while scalar:
        if scalar & 1:
            result = point if result is None else _added(result, point)
        scalar >>= 1
        point = _added(point, point) if scalar else point
    assert result is not None
    return result


def _added(one: Point, other: Point) -> Point:
    """Never meets a point and its opposite: `times` adds multiples below the order only."""
    (x1, y1), (x2, y2) = one, other
    slope = (3 * x1 * x1 + _A) * pow(2 * y1, -1, _P) if one == other else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _random_scalar() -> int:
    return 1 + secrets.randbelow(_N - 1)
