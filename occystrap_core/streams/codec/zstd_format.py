"""The outer structure of zstd data (RFC 8878): frames, and blocks in them."""

from __future__ import annotations

MAGIC = b"\x28\xb5\x2f\xfd"
BLOCK_HEADER_LENGTH = 3
CHECKSUM_LENGTH = 4
LARGEST_BLOCK = 128 << 10
"""How much one block may give."""

_DICTIONARY_ID_LENGTHS = (0, 1, 2, 4)
_CONTENT_SIZE_LENGTHS = (0, 2, 4, 8)
_TYPE_BITS, _RLE, _COMPRESSED = 0b110, 0b010, 0b100


def is_skippable(magic: bytes) -> bool:
    return magic[1:] == b"\x2a\x4d\x18" and magic[0] & 0xF0 == 0x50


def header_length(first: int) -> int:
    """How many header bytes follow the first one."""
    single_segment = first >> 5 & 1
    content_size = _CONTENT_SIZE_LENGTHS[first >> 6] or single_segment
    return (not single_segment) + _DICTIONARY_ID_LENGTHS[first & 3] + content_size


def has_checksum(first: int) -> bool:
    return bool(first >> 2 & 1)


def window_size(first: int, rest: bytes) -> int:
    """How much of its output a frame's decoder must remember."""
    if not first >> 5 & 1:
        return (8 + (rest[0] & 7)) << (7 + (rest[0] >> 3))
    content_size = rest[_DICTIONARY_ID_LENGTHS[first & 3] :]
    return int.from_bytes(content_size, "little") + (256 if len(content_size) == 2 else 0)


def block(header: bytes | memoryview, start: int = 0) -> tuple[int, int, bool]:
    """How many bytes follow the block header at `start`, how many they may give, and whether it is the last."""
    value = header[start] | header[start + 1] << 8 | header[start + 2] << 16
    size = value >> 3
    kind = value & _TYPE_BITS
    return 1 if kind == _RLE else size, LARGEST_BLOCK if kind == _COMPRESSED else size, bool(value & 1)


def whole_blocks(data: memoryview, room: int) -> tuple[int, bool]:
    """How long the blocks are that lie entirely in the beginning of `data` and give about `room`
    bytes, and whether the frame's last block is among them."""
    end, last = 0, False
    while room > 0 and end + BLOCK_HEADER_LENGTH <= len(data) and not last:
        stored, gives, is_last = block(data, end)
        after = end + BLOCK_HEADER_LENGTH + stored
        if after > len(data):
            break
        end, last, room = after, is_last, room - gives
    return end, last
