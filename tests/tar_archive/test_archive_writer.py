"""Members arrive in any order and from several threads; the archive has them in theirs."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occystrap_core.kit.docker_archive.header import end_of_archive, header
from occystrap_core.kit.docker_archive.target import FileTarget, PipeTarget
from occystrap_core.kit.docker_archive.writer import Announced, ArchiveWriter, StagedMember
from occystrap_core.model.errors import TransferError
from occystrap_core.streams.tar import TarReader
from occystrap_core.streams.tar.make import make_entry
from occystrap_core.streams.tar.serialise import serialise

BODIES = {f"m{number}": bytes([65 + number]) * (300 * number + number % 2) for number in range(6)}


def writer_to(path: Path) -> ArchiveWriter:
    return ArchiveWriter(FileTarget(path), None)


def expected(members: Sequence[tuple[str, bytes]]) -> bytes:
    entries = [make_entry(name.encode(), body=body) for name, body in members]
    archive = b"".join(serialise(entries, ()))
    return archive + end_of_archive(len(archive))


def members_of(content: bytes) -> list[tuple[str, bytes]]:
    return [(entry.name.decode(), b"".join(map(bytes, entry.body))) for entry in TarReader([content])]


def test_members_in_order_are_an_ordinary_archive(tmp_path: Path) -> None:
    writer = writer_to(tmp_path / "a.tar")
    for order, (name, body) in enumerate(BODIES.items()):
        writer.keep(writer.stage([body[:7], body[7:]], order), name)
    writer.add("manifest.json", b"[]")
    writer.finish()
    content = (tmp_path / "a.tar").read_bytes()
    assert content == expected([*BODIES.items(), ("manifest.json", b"[]")])
    assert len(content) % 10240 == 0


@settings(max_examples=60, deadline=None)
@given(
    st.permutations(range(5)),
    st.permutations(range(5)),
    st.sets(st.integers(0, 4)),
    st.sampled_from(["", "m0", "m3"]),
)
def test_no_order_of_arrival_changes_a_byte(
    tmp_path_factory: pytest.TempPathFactory, staging: list[int], keeping: list[int], dropped: set[int], twin: str
) -> None:
    """Staged in one order, kept or discarded in another, and perhaps one name twice."""
    names = [f"m{number}" for number in range(5)]
    names[4] = twin or "m4"
    bodies = [BODIES[name] for name in names]
    path = tmp_path_factory.mktemp("writer") / "a.tar"
    writer = writer_to(path)
    staged = {order: writer.stage(iter([bodies[order]]), order) for order in staging}
    for order in keeping:
        if order in dropped:
            writer.discard(staged[order])
        else:
            writer.keep(staged[order], names[order])
    writer.add("last", b"x")
    writer.finish()
    kept = {names[order]: bodies[order] for order in range(5) if order not in dropped}
    assert path.read_bytes() == expected([*kept.items(), ("last", b"x")])


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads_change_nothing(tmp_path: Path, threads: int) -> None:
    """Chunks are handed out slowly and in turns, so that members overlap in every way."""
    chance = random.Random(threads)
    names = [f"layer{number % 9}" for number in range(12)]
    bodies = {name: [name.encode() * chance.randrange(1, 900) for _ in range(chance.randrange(9))] for name in names}
    writer = writer_to(tmp_path / "a.tar")
    barrier = threading.Semaphore(threads)

    def work(order: int) -> None:
        with barrier:
            staged = writer.stage(_hesitating(bodies[names[order]]), order)
            writer.keep(staged, names[order])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(12)))
    writer.finish()
    assert (tmp_path / "a.tar").read_bytes() == expected([(name, b"".join(bodies[name])) for name in bodies])


def test_a_member_whose_turn_comes_goes_on_in_the_archive(tmp_path: Path) -> None:
    """What was put aside is moved in, and the rest streams: not everything is written twice."""
    writer = writer_to(tmp_path / "a.tar")
    first = writer.stage([b"1"], 0)

    def chunks() -> Iterator[bytes]:
        yield b"aside "
        writer.keep(first, "one")
        yield b"straight"

    second = writer.stage(chunks(), 1)
    assert second.aside is None
    writer.keep(second, "two")
    writer.finish()
    assert members_of((tmp_path / "a.tar").read_bytes()) == [("one", b"1"), ("two", b"aside straight")]


def test_a_member_that_breaks_off_leaves_no_trace(tmp_path: Path) -> None:
    writer = writer_to(tmp_path / "a.tar")

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise TransferError("the connection was lost")

    for order in (0, 1):
        with pytest.raises(TransferError, match="connection"):
            writer.stage(broken(), order)
    for order in (1, 0):
        writer.keep(writer.stage([b"whole"], order), f"m{order}")
    writer.finish()
    assert members_of((tmp_path / "a.tar").read_bytes()) == [("m0", b"whole"), ("m1", b"whole")]


def test_an_order_that_was_left_out_holds_nobody_up(tmp_path: Path) -> None:
    writer = writer_to(tmp_path / "a.tar")
    for order in (4, 2):
        writer.keep(writer.stage([b"x"], order), f"m{order}")
    writer.finish()
    assert [name for name, _ in members_of((tmp_path / "a.tar").read_bytes())] == ["m2", "m4"]


def test_long_names_get_an_extended_header(tmp_path: Path) -> None:
    name = f"blobs/sha512/{'a' * 128}"
    writer = writer_to(tmp_path / "a.tar")
    writer.keep(writer.stage([b"content"], 0, Announced(name, 7)), name)
    writer.finish()
    assert members_of((tmp_path / "a.tar").read_bytes()) == [(name, b"content")]


@pytest.mark.parametrize("size", [0, 1, 511, (8 << 30) - 1, 8 << 30, 9 << 40])
@pytest.mark.parametrize("name", ["a" * 64 + "/layer.tar", f"blobs/sha512/{'a' * 128}"])
def test_headers_hold_any_size(name: str, size: int) -> None:
    (entry,) = itertools.islice(TarReader([header(name, size)]), 1)
    assert (entry.name.decode(), entry.stored_size, entry.mode, entry.uid, entry.mtime) == (name, size, 0o644, 0, 0)


def test_a_layer_beyond_8_gib_is_patched_in(tmp_path: Path) -> None:
    """The size of a member is known only after its body, and no header may then need more room."""
    target = _FakeSizes(tmp_path / "a.tar")
    writer = ArchiveWriter(target, None)
    staged = writer.stage([b"x" * 512], 0)
    staged.size += 9 << 30
    writer.keep(staged, "b" * 64 + "/layer.tar")
    (position, block) = target.patches[0]
    assert position == 0
    assert next(iter(TarReader([block]))).stored_size == (9 << 30) + 512
    writer.abort()


class _FakeSizes(FileTarget):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.patches: list[tuple[int, bytes]] = []

    def patch(self, position: int, block: bytes) -> None:
        self.patches.append((position, block))


# Ending


def test_nothing_is_there_before_the_end(tmp_path: Path) -> None:
    writer = writer_to(tmp_path / "a.tar")
    assert list(tmp_path.iterdir()) == []
    writer.keep(writer.stage([b"x"], 0), "m")
    assert not (tmp_path / "a.tar").exists()
    writer.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_abort_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"old")
    descriptors = len(os.listdir("/proc/self/fd"))
    writer = writer_to(tmp_path / "a.tar")
    staged: list[StagedMember] = [writer.stage([b"x" * 100], order) for order in (1, 0, 2)]
    writer.keep(staged[0], "one")
    writer.abort()
    writer.abort()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.tar", b"old")]
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_an_unfinished_member_is_not_passed_over(tmp_path: Path) -> None:
    writer = writer_to(tmp_path / "a.tar")
    writer.stage([b"x"], 0)
    with pytest.raises(TransferError, match="incomplete"):
        writer.finish()
    writer.abort()
    assert list(tmp_path.iterdir()) == []


# Pipes


def read_from_fifo(path: Path) -> tuple[ArchiveWriter, ThreadPoolExecutor, object]:
    os.mkfifo(path)
    pool = ThreadPoolExecutor(1)
    reading = pool.submit(path.read_bytes)
    return ArchiveWriter(PipeTarget(path), None), pool, reading


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(4)), st.sets(st.integers(0, 3)))
def test_a_pipe_gets_the_same_archive(
    tmp_path_factory: pytest.TempPathFactory, arrival: list[int], announced: set[int]
) -> None:
    """Whether sizes are known beforehand or not."""
    path = tmp_path_factory.mktemp("pipe") / "fifo"
    writer, pool, reading = read_from_fifo(path)
    names = ["m1", "m3", "m1", "m5"]
    for order in arrival:
        body = BODIES[names[order]]
        known = Announced(names[order], len(body)) if order in announced else None
        writer.keep(writer.stage([body], order, known), names[order])
    writer.add("last", b"x")
    writer.finish()
    with pool:
        content = reading.result(10)  # type: ignore[attr-defined]
    assert content == expected([*((name, BODIES[name]) for name in ("m1", "m3", "m5")), ("last", b"x")])


def test_a_pipe_that_got_half_a_member_gets_no_end(tmp_path: Path) -> None:
    writer, pool, reading = read_from_fifo(tmp_path / "fifo")

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise TransferError("the connection was lost")

    with pytest.raises(TransferError, match="connection"):
        writer.stage(broken(), 0, Announced("m", 100))
    with pytest.raises(TransferError, match="incomplete"):
        writer.finish()
    writer.abort()
    with pool:
        assert reading.result(10) == header("m", 100) + b"half"  # type: ignore[attr-defined]


def test_what_a_pipe_was_promised_must_come(tmp_path: Path) -> None:
    writer, pool, reading = read_from_fifo(tmp_path / "fifo")
    staged = writer.stage([b"12345"], 0, Announced("m", 5))
    with pytest.raises(TransferError, match="other than what was already written"):
        writer.keep(staged, "n")
    writer.abort()
    with pool:
        reading.result(10)  # type: ignore[attr-defined]


def _hesitating(chunks: Sequence[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        os.sched_yield()
        yield chunk
