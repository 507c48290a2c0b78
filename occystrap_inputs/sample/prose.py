"""What the sample's files say: a stream without end, a quarter noise and the rest text.

It compresses about as well as a real layer does, and its bytes depend on the seed alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

PAGE = 64 * 1024
PAGES = 128
"""The stream repeats itself after this many pages, which is farther back than gzip sees."""

_NOISE_EVERY = 4
_WORDS_IN_LINE = 12
_WORDS = (
    b"anchor archive balance barrel beacon binder bottle bridge bucket cabin candle canvas carbon cargo castle "
    b"cellar circle clover cobalt copper corner cotton crane dawn delta desert dock drift ember engine fabric ferry "
    b"flint forest garden gather granite harbor hollow island ivory jacket kernel ladder lantern ledger linen "
    b"marble meadow mirror needle orchard paddle pepper quarry ribbon saddle signal timber tunnel valley"
).split()


class Prose:
    """One seed's stream; threads may share it, and it holds at most 8 MiB."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._pages: dict[int, bytes] = {}

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """`size` bytes from `start` on, in pieces of at most a page."""
        number, offset = divmod(start, PAGE)
        while size > 0:
            page = self._page(number % PAGES)
            piece = page if not offset and size >= PAGE else page[offset : offset + size]
            yield piece
            size -= len(piece)
            number, offset = number + 1, 0

    def _page(self, number: int) -> bytes:
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = self._write(number)
        return page

    def _write(self, number: int) -> bytes:
        noise = hashlib.shake_128(b"%d:%s" % (number, self._seed))
        return noise.digest(PAGE) if number % _NOISE_EVERY == _NOISE_EVERY - 1 else _text(noise.digest(PAGE // 5))


def _text(noise: bytes) -> bytes:
    words = [_WORDS[byte % len(_WORDS)] for byte in noise]
    lines = (b" ".join(words[start : start + _WORDS_IN_LINE]) for start in range(0, len(words), _WORDS_IN_LINE))
    return b"\n".join(lines)[:PAGE].ljust(PAGE, b"\n")
