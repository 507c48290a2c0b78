"""What we compress, everybody reads; what others compressed, we read to the last byte or refuse."""

from __future__ import annotations

import gzip
import random
import shutil
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterable, Iterator

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from occystrap_core.model.errors import CorruptStream, LimitExceeded
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec import InflateLimits, codec_version, deflate, inflate, sniff

MIB = 1 << 20
BOTH = pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])


def text_like(size: int, seed: int = 0) -> bytes:
    """Bytes that compress about as well as the files of a package."""
    words = [random.Random(seed + index).randbytes(3 + index % 9) for index in range(400)]
    chooser = random.Random(seed)
    return b"".join(chooser.choices(words, k=size // 5))[:size]


SAMPLE = text_like(300_000)
BIG = text_like(3 * MIB + 12_345, seed=1)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def inflated(data: bytes | Iterable[bytes], compression: Compression, limits: InflateLimits | None = None) -> bytes:
    chunks = [data] if isinstance(data, bytes) else data
    return b"".join(inflate(chunks, compression, limits) if limits else inflate(chunks, compression))


def deflated(data: bytes, compression: Compression, threads: int = 2) -> bytes:
    return b"".join(deflate([data], compression, threads=threads))


def compressed_elsewhere(data: bytes, compression: Compression) -> bytes:
    if compression is Compression.GZIP:
        return gzip.compress(data, 6)
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def skippable(content: bytes, variant: int = 0) -> bytes:
    return bytes([0x50 + variant]) + b"\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content


class TestSniff:
    def test_knows_gzip_and_zstd_by_their_first_bytes(self) -> None:
        assert sniff(gzip.compress(b"x")) is Compression.GZIP
        assert sniff(zstandard.compress(b"x")) is Compression.ZSTD

    @pytest.mark.parametrize("variant", range(16))
    def test_a_skippable_frame_is_zstd(self, variant: int) -> None:
        assert sniff(skippable(b"", variant)) is Compression.ZSTD

    @pytest.mark.parametrize(
        "head", [b"", b"\x1f", b"\x1f\x8b", b"\x28\xb5\x2f", b"\x4f\x2a\x4d\x18", b"bin/\0", b"\0" * 512]
    )
    def test_anything_else_is_unknown(self, head: bytes) -> None:
        assert sniff(head) is None


class TestInflate:
    @BOTH
    @pytest.mark.parametrize("size", [1, 3, 1000, 65_537, 10 * MIB])
    def test_reads_what_others_wrote_however_it_is_cut(self, compression: Compression, size: int) -> None:
        data = SAMPLE[:5000] if size < 10 else SAMPLE
        assert inflated(cut(compressed_elsewhere(data, compression), size), compression) == data

    @BOTH
    def test_reads_several_members_or_frames_as_one_stream(self, compression: Compression) -> None:
        parts = [SAMPLE[:1000], b"", SAMPLE[1000:200_000], SAMPLE[200_000:]]
        data = b"".join(compressed_elsewhere(part, compression) for part in parts)
        for size in (1000, 70_000, len(data)):
            assert inflated(cut(data, size), compression) == SAMPLE

    @BOTH
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_members_and_chunks_need_not_agree(self, compression: Compression, data: st.DataObject) -> None:
        parts = data.draw(st.lists(st.integers(0, 3000), min_size=1, max_size=5))
        stored = b"".join(compressed_elsewhere(SAMPLE[:length], compression) for length in parts)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stored)), max_size=12)))
        chunks = [stored[a:b] for a, b in zip([0, *cuts], [*cuts, len(stored)], strict=True)]
        expected = b"".join(SAMPLE[:length] for length in parts)
        assert inflated(chunks, compression) == expected
        assert inflated(cut(stored, 1), compression) == expected

    @BOTH
    def test_many_tiny_members_take_no_quadratic_time(self, compression: Compression) -> None:
        one = compressed_elsewhere(b"ab", compression)
        assert inflated(one * 20_000, compression) == b"ab" * 20_000

    @BOTH
    def test_empty_content_is_content(self, compression: Compression) -> None:
        assert inflated(compressed_elsewhere(b"", compression), compression) == b""

    @BOTH
    def test_memoryviews_that_are_reused_are_read_in_time(self, compression: Compression) -> None:
        buffer = bytearray(10_000)

        def reused() -> Iterator[memoryview]:
            for part in cut(compressed_elsewhere(content, compression), len(buffer)):
                buffer[: len(part)] = part
                yield memoryview(buffer)[: len(part)]
                buffer[:] = bytes(len(buffer))

        for content in (SAMPLE, SAMPLE + bytes(20 * MIB) + SAMPLE):
            assert b"".join(inflate(reused(), compression)) == content

    @BOTH
    def test_empty_chunks_mean_nothing(self, compression: Compression) -> None:
        data = compressed_elsewhere(SAMPLE, compression)
        assert inflated([b"", data[:10], b"", b"", data[10:], b""], compression) == SAMPLE

    @BOTH
    def test_pieces_are_small_whatever_the_chunks(self, compression: Compression) -> None:
        pieces = list(inflate([compressed_elsewhere(bytes(40 * MIB), compression)], compression))
        assert sum(map(len, pieces)) == 40 * MIB
        assert max(map(len, pieces)) <= MIB

    def test_none_hands_the_chunks_on(self) -> None:
        chunks = [b"as", memoryview(b"they are")]
        assert list(inflate(chunks, Compression.NONE)) == chunks

    def test_closes_what_it_reads_from(self) -> None:
        closed: list[str] = []

        def upstream() -> Iterator[bytes]:
            try:
                yield from cut(gzip.compress(BIG), 1000)
            finally:
                closed.append("closed")

        stream = inflate(upstream(), Compression.GZIP)
        next(stream)
        stream.close()
        assert closed == ["closed"]


class TestDamage:
    @BOTH
    def test_data_cut_short_anywhere_is_refused(self, compression: Compression) -> None:
        data = compressed_elsewhere(SAMPLE[:3000], compression)
        for length in range(len(data)):
            with pytest.raises(CorruptStream, match="cut short"):
                inflated(data[:length], compression)

    @BOTH
    def test_the_second_member_cut_short_anywhere_is_refused(self, compression: Compression) -> None:
        first = compressed_elsewhere(SAMPLE, compression)
        second = compressed_elsewhere(b"second", compression)
        assert inflated(first + second, compression) == SAMPLE + b"second"
        for length in range(1, len(second)):
            with pytest.raises(CorruptStream):
                inflated(first + second[:length], compression)

    @BOTH
    def test_cut_short_between_large_blocks_is_refused(self, compression: Compression) -> None:
        data = compressed_elsewhere(BIG, compression)
        for length in (len(data) // 3, len(data) // 2, len(data) - 1, len(data) - 4, len(data) - 5, len(data) - 8):
            with pytest.raises(CorruptStream, match="cut short"):
                inflated(cut(data[:length], 50_000), compression)

    @BOTH
    @pytest.mark.parametrize("garbage", [b"x", b"\0", b"\0" * 512, b"\x1f", b"garbage, and not a little of it"])
    def test_what_follows_the_end_is_refused_as_go_does(self, compression: Compression, garbage: bytes) -> None:
        data = compressed_elsewhere(SAMPLE, compression)
        for chunks in ([data + garbage], [data, garbage]):
            with pytest.raises(CorruptStream):
                inflated(chunks, compression)

    @BOTH
    def test_nothing_at_all_is_refused(self, compression: Compression) -> None:
        for chunks in ([], [b""]):
            with pytest.raises(CorruptStream, match="cut short"):
                inflated(chunks, compression)

    @BOTH
    def test_something_uncompressed_is_refused(self, compression: Compression) -> None:
        with pytest.raises(CorruptStream, match=f"the {compression} data is damaged"):
            inflated(b"usr/bin/env" + bytes(501), compression)

    def test_a_wrong_gzip_checksum_or_length_is_refused(self) -> None:
        data = gzip.compress(SAMPLE)
        for position in range(-8, 0):
            damaged = bytearray(data)
            damaged[position] ^= 1
            with pytest.raises(CorruptStream, match="the gzip data is damaged"):
                inflated(bytes(damaged), Compression.GZIP)

    def test_a_wrong_zstd_checksum_is_refused(self) -> None:
        damaged = bytearray(compressed_elsewhere(SAMPLE, Compression.ZSTD))
        damaged[-2] ^= 1
        with pytest.raises(CorruptStream, match="checksum"):
            inflated(bytes(damaged), Compression.ZSTD)

    @BOTH
    @settings(max_examples=200, deadline=None)
    @given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
    def test_one_flipped_bit_never_gives_other_bytes(self, compression: Compression, position: int, bit: int) -> None:
        data = bytearray(compressed_elsewhere(SAMPLE[:8000], compression))
        data[position % len(data)] ^= 1 << bit
        try:
            result = inflated(bytes(data), compression)
        except (CorruptStream, LimitExceeded):
            return
        assert result == SAMPLE[:8000]

    @BOTH
    @settings(max_examples=200, deadline=None)
    @given(noise=st.binary(max_size=300), size=st.integers(1, 50))
    def test_noise_is_an_error_and_nothing_else(self, compression: Compression, noise: bytes, size: int) -> None:
        head = compressed_elsewhere(b"head", compression)
        for data in (noise, head[:4] + noise, head + head[:5] + noise):
            with pytest.raises((CorruptStream, LimitExceeded)):
                inflated(cut(data, size), compression)


class TestGzipForms:
    def test_every_optional_header_field_is_read(self) -> None:
        deflater = zlib.compressobj(wbits=-15)
        body = deflater.compress(SAMPLE) + deflater.flush()
        header = b"\x1f\x8b\x08\x1e\x11\x22\x33\x44\x02\x03" + b"\x05\0extra" + b"name\0" + b"comment\0"
        header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little")
        trailer = zlib.crc32(SAMPLE).to_bytes(4, "little") + len(SAMPLE).to_bytes(4, "little")
        data = header + body + trailer
        assert inflated(cut(data, 7), Compression.GZIP) == SAMPLE
        for length in range(len(header) + 1):
            with pytest.raises(CorruptStream, match="cut short"):
                inflated(data[:length], Compression.GZIP)
        damaged = header[:-1] + bytes([header[-1] ^ 1])
        with pytest.raises(CorruptStream, match="a header has another checksum"):
            inflated(damaged + body + trailer, Compression.GZIP)

    def test_a_name_as_long_as_go_reads_it_is_read_and_a_longer_one_is_not(self) -> None:
        rest = gzip.compress(SAMPLE)[10:]
        header = b"\x1f\x8b\x08\x08" + bytes(6)
        assert inflated(header + b"n" * 511 + b"\0" + rest, Compression.GZIP) == SAMPLE
        with pytest.raises(CorruptStream, match="does not end"):
            inflated(header + b"n" * 512 + b"\0" + rest, Compression.GZIP)

    def test_stored_and_fixed_blocks_are_read(self) -> None:
        for strategy, level in ((zlib.Z_DEFAULT_STRATEGY, 0), (zlib.Z_FIXED, 6), (zlib.Z_HUFFMAN_ONLY, 6)):
            deflater = zlib.compressobj(level, wbits=31, strategy=strategy)
            assert inflated(deflater.compress(BIG) + deflater.flush(), Compression.GZIP) == BIG


class TestZstdForms:
    def test_skippable_frames_are_skipped_first_between_and_last(self) -> None:
        one, two = (compressed_elsewhere(part, Compression.ZSTD) for part in (SAMPLE, b"more"))
        data = skippable(b"table of contents") + one + skippable(b"", 7) + two + skippable(bytes(70_000), 15)
        for size in (1, 1000, len(data)):
            if size > 1 or len(data) < 200_000:
                assert inflated(cut(data, size), Compression.ZSTD) == SAMPLE + b"more"

    def test_a_skippable_frame_cut_short_is_refused(self) -> None:
        one, extra = compressed_elsewhere(b"one", Compression.ZSTD), skippable(b"extra")
        for length in range(1, len(extra)):
            with pytest.raises(CorruptStream, match="cut short"):
                inflated(one + extra[:length], Compression.ZSTD)

    @pytest.mark.parametrize("level", [-5, 1, 3, 19])
    @pytest.mark.parametrize("checksum", [True, False])
    @pytest.mark.parametrize("sized", [True, False])
    @pytest.mark.parametrize("length", [0, 1, 255, 256, 65_000, 65_792, 300_000])
    def test_every_kind_of_header_is_read(self, level: int, checksum: bool, sized: bool, length: int) -> None:
        compressor = zstandard.ZstdCompressor(level=level, write_checksum=checksum, write_content_size=sized)
        frame = compressor.compressobj(size=length) if sized else compressor.compressobj()
        data = frame.compress(SAMPLE[:length]) + frame.flush()
        assert inflated(cut(data, 997), Compression.ZSTD) == SAMPLE[:length]
        for missing in (1, 2, 3, 4):
            with pytest.raises(CorruptStream, match="cut short"):
                inflated(data[:-missing], Compression.ZSTD)

    def test_incompressible_and_constant_blocks_are_read(self) -> None:
        data = random.Random(3).randbytes(400_000) + bytes(600_000) + b"x" * 300_000
        for size in (10, 100_000, MIB):
            assert inflated(cut(compressed_elsewhere(data, Compression.ZSTD), size), Compression.ZSTD) == data

    def test_a_frame_that_needs_an_unknown_dictionary_is_refused(self) -> None:
        dictionary = zstandard.train_dictionary(4000, [SAMPLE[at : at + 300] for at in range(0, 100_000, 300)])
        data = zstandard.ZstdCompressor(dict_data=dictionary).compress(SAMPLE[:1000])
        with pytest.raises(CorruptStream, match="the zstd data is damaged"):
            inflated(data, Compression.ZSTD)

    def test_the_window_of_zstd_long_is_allowed_and_a_larger_one_is_not(self) -> None:
        for window_log, allowed in ((27, True), (28, False)):
            parameters = zstandard.ZstdCompressionParameters.from_level(
                1, window_log=window_log, write_content_size=False
            )
            frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
            data = frame.compress(b"content") + frame.flush()
            if allowed:
                assert inflated(data, Compression.ZSTD) == b"content"
            else:
                with pytest.raises(LimitExceeded, match="window of 268435456 bytes, the limit is 134217728"):
                    inflated(data, Compression.ZSTD)

    def test_a_window_as_large_as_the_announced_content_counts_too(self) -> None:
        header = zstandard.FRAME_HEADER + b"\xe0" + (1 << 40).to_bytes(8, "little")
        with pytest.raises(LimitExceeded, match="window"):
            inflated(header + bytes(100), Compression.ZSTD)


def zstd_bomb(gibibytes: int) -> Iterator[bytes]:
    """A frame of run-length blocks: 32 768 bytes out for each byte in."""
    block = ((128 << 10) << 3 | 0b010).to_bytes(3, "little") + b"\0"
    yield zstandard.FRAME_HEADER + b"\0" + bytes([(27 - 10) << 3])
    for _ in range(gibibytes):
        yield block * (8 << 10)
    yield b"\x01\0\0"


class TestBombs:
    def test_zeros_made_by_gzip_are_no_bomb(self) -> None:
        limits = InflateLimits(ratio_after=MIB)
        assert len(inflated(gzip.compress(bytes(20 * MIB), 9), Compression.GZIP, limits)) == 20 * MIB

    def test_a_gibibyte_of_zeros_in_zstd_is_no_bomb(self) -> None:
        assert sum(map(len, inflate(zstd_bomb(1), Compression.ZSTD))) == 1 << 30

    def test_more_than_that_is_one_and_found_early(self) -> None:
        seen = 0
        with pytest.raises(LimitExceeded, match="decompression bomb.* the limit is 1100 times"):
            for piece in inflate(zstd_bomb(100), Compression.ZSTD):
                seen += len(piece)
        assert seen <= (1 << 30) + MIB

    @BOTH
    def test_the_size_limit_is_named(self, compression: Compression) -> None:
        data = compressed_elsewhere(SAMPLE, compression)
        assert inflated(data, compression, InflateLimits(max_bytes=len(SAMPLE))) == SAMPLE
        with pytest.raises(LimitExceeded, match=f"the limit of {len(SAMPLE) - 1} bytes"):
            inflated(data, compression, InflateLimits(max_bytes=len(SAMPLE) - 1))

    def test_a_large_chunk_of_a_bomb_gives_small_pieces(self) -> None:
        for piece in inflate([b"".join(zstd_bomb(1))], Compression.ZSTD):
            assert len(piece) <= MIB


class TestDeflate:
    @BOTH
    def test_the_same_bytes_for_any_threads_and_any_cutting(self, compression: Compression) -> None:
        expected = deflated(BIG, compression, threads=1)
        for threads in (0, 1, 2, 3, 8):
            for size in (1000, 65_536, MIB - 1, MIB, MIB + 1, len(BIG)):
                assert b"".join(deflate(cut(BIG, size), compression, threads=threads)) == expected

    @BOTH
    @pytest.mark.parametrize("length", [0, 1, 32_767, 32_768, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1])
    def test_the_borders_of_blocks_round_trip(self, compression: Compression, length: int) -> None:
        result = deflated(BIG[:length], compression)
        assert sniff(result[:4]) is compression
        assert inflated(result, compression) == BIG[:length]

    @BOTH
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data())
    def test_round_trip_of_anything(self, compression: Compression, data: st.DataObject) -> None:
        unit = data.draw(st.binary(min_size=1, max_size=200))
        content = (unit * data.draw(st.integers(0, 20_000)))[: 2 * MIB]
        cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8)))
        chunks = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
        threads = data.draw(st.integers(1, 4))
        result = b"".join(deflate(chunks, compression, threads=threads))
        assert result == deflated(content, compression, threads=1)
        assert inflated(cut(result, data.draw(st.integers(100, 100_000))), compression) == content

    @BOTH
    def test_reused_memoryviews_are_read_in_time(self, compression: Compression) -> None:
        buffer = bytearray(100_000)

        def reused() -> Iterator[memoryview]:
            for part in cut(BIG, len(buffer)):
                buffer[: len(part)] = part
                yield memoryview(buffer)[: len(part)]
            buffer[:] = bytes(len(buffer))

        assert inflated(deflate(reused(), compression), compression) == BIG

    @pytest.mark.parametrize("tool", ["gzip", "zstd"])
    def test_the_usual_tool_reads_it(self, tool: str) -> None:
        path = shutil.which(tool)
        if path is None:
            pytest.skip(f"{tool} is not installed")
        for content in (b"", b"a", BIG):
            result = subprocess.run(
                [path, "-dc"], input=deflated(content, Compression(tool)), capture_output=True, check=True
            )
            assert result.stdout == content

    def test_gzip_is_one_member_without_time_or_name(self) -> None:
        data = deflated(BIG, Compression.GZIP)
        assert data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
        member = zlib.decompressobj(31)
        assert member.decompress(data) == BIG
        assert member.eof
        assert member.unused_data == b""

    def test_zstd_is_one_frame_with_a_checksum(self) -> None:
        data = deflated(BIG, Compression.ZSTD)
        assert zstandard.get_frame_parameters(data).has_checksum
        frame = zstandard.ZstdDecompressor().decompressobj()
        assert frame.decompress(data) == BIG
        assert frame.unused_data == b""

    def test_none_hands_the_chunks_on(self) -> None:
        chunks = [b"as", memoryview(b"they are")]
        assert list(deflate(chunks, Compression.NONE)) == chunks

    def test_the_version_names_library_and_level(self) -> None:
        assert codec_version(Compression.NONE) == "none"
        assert "zlib-ng" in codec_version(Compression.GZIP)
        assert "level 3" in codec_version(Compression.ZSTD)

    def test_more_than_four_gigabytes_wrap_the_length_field(self) -> None:
        from occystrap_core.streams.codec.gzip_writer import Trailer

        trailer = Trailer()
        trailer.size = (1 << 32) + 5
        assert trailer.encoded()[4:] == b"\x05\0\0\0"


class TestDeflateEnds:
    @BOTH
    def test_closed_early_it_leaves_no_thread(self, compression: Compression) -> None:
        before = threading.active_count()
        stream = deflate(cut(random.Random(0).randbytes(8 * MIB), 100_000), compression, threads=4)
        next(stream)
        next(stream)
        stream.close()
        assert threading.active_count() == before

    @BOTH
    def test_an_error_of_the_source_comes_through_and_leaves_no_thread(self, compression: Compression) -> None:
        def broken() -> Iterator[bytes]:
            yield from cut(BIG, 100_000)
            raise OSError("the cable is gone")

        before = threading.active_count()
        with pytest.raises(OSError, match="the cable is gone"):
            list(deflate(broken(), compression, threads=3))
        assert threading.active_count() == before

    def test_a_finished_stream_leaves_no_thread(self) -> None:
        before = threading.active_count()
        deflated(BIG, Compression.GZIP, threads=3)
        assert threading.active_count() == before


def test_importing_the_streams_loads_no_codec_library() -> None:
    program = (
        "import sys, occystrap_core.streams.codec, occystrap_core.streams.verified, occystrap_core.streams.relay\n"
        "print(sorted({'isal', 'zlib_ng', 'zstandard', 'concurrent.futures', 'tempfile'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def with_window(data: bytes, log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=log, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()  # which knows no size
    return compressor.compress(data) + compressor.flush()


def test_large_windows_take_turns() -> None:
    data, events = with_window(BIG, 25), []

    def read(name: str) -> None:
        for _ in inflate(cut(data, 5000), Compression.ZSTD):
            events.append(name)
            time.sleep(0.002)

    threads = [threading.Thread(target=read, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(events[: len(events) // 2])) == len(set(events[len(events) // 2 :])) == 1


def test_small_windows_do_not_wait() -> None:
    streams = [iter(inflate(cut(with_window(BIG, 23), 5000), Compression.ZSTD)) for _ in range(3)]
    started = time.monotonic()
    assert all(next(stream) for stream in streams)
    assert time.monotonic() - started < 0.5


def test_two_large_windows_that_are_read_in_step_do_not_wait_for_each_other() -> None:
    data = with_window(BIG, 25)
    streams = [inflate(cut(data, 5000), Compression.ZSTD) for _ in range(2)]
    assert all(one == other for one, other in zip(*streams, strict=True))


@pytest.mark.parametrize("leave", ["close", "forget"])
def test_a_large_window_that_nobody_reads_any_more_is_free(leave: str) -> None:
    data = with_window(BIG, 25)
    abandoned = inflate(cut(data, 5000), Compression.ZSTD)
    next(abandoned)
    if leave == "close":
        abandoned.close()
    del abandoned
    started = time.monotonic()
    assert inflated(data, Compression.ZSTD) == BIG
    assert time.monotonic() - started < 0.9


def test_a_damaged_frame_frees_its_large_window() -> None:
    data = with_window(BIG, 25)
    with pytest.raises(CorruptStream):
        inflated(data[:-5], Compression.ZSTD)
    started = time.monotonic()
    assert inflated(data, Compression.ZSTD) == BIG
    assert time.monotonic() - started < 0.9
