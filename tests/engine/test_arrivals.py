"""Blobs that come before their documents: the result is the same, only nothing had to wait."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.contracts.arrival import Arrival, Take
from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import OutputTraits
from occystrap_core.engine.judged_pass import Judging
from occystrap_core.engine.layer_cache import LayerCache
from occystrap_core.engine.outcome import Outcome
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OccystrapError, TransferError
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import OCI_LAYER, Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import BuiltImage, Content, build_image, build_index, file, layer_tar, symlink
from occystrap_core.testing.memory import MemoryInput, MemoryOutput, MemoryStore
from tests.engine.runs import Drop, Label, Look, PlainFilter, Skip, Touch, run

BASE = layer_tar(("etc/", ""), file("etc/motd", "hello\n" * 9000), symlink("etc/link", "motd"))
TOP = layer_tar(("usr/", ""), file("usr/big", bytes(range(256)) * 999))
GZIP, ZSTD, NONE = Compression.GZIP, Compression.ZSTD, Compression.NONE


class Delivering(MemoryInput):
    """Offers its blobs and documents from the last to the first; `taken` are those that went on."""

    def __init__(self, content: Content, *, named: bool = True, **more: Any) -> None:
        super().__init__(content, **more)
        self.named = named
        self.taken: list[Digest] = []
        self.interrupted = threading.Event()

    def deliver(self, take: Take) -> None:
        for digest, content in reversed({**self._blobs, **self._documents}.items()):
            named = digest if self.named else None
            if take(Arrival(len(content), content[:512], self._arriving(digest), named)):
                self.taken.append(digest)

    def _arriving(self, digest: Digest) -> Iterator[Chunk]:
        return self._stream(digest)

    def interrupt(self) -> None:
        self.interrupted.set()


def image(compression: Compression = NONE, *layers: bytes) -> BuiltImage:
    return build_image(layers or (BASE, TOP), compression=compression)


def digests(built: BuiltImage) -> set[Digest]:
    return {layer.descriptor.digest for layer in built.layers}


def both_ways(content: Content, *filters: Any, **more: Any) -> tuple[Delivering, Outcome, MemoryStore]:
    """A run that delivers, after it was held against one that does not."""
    stores, outcomes = (MemoryStore(), MemoryStore()), []
    options = {key: more.pop(key) for key in ("named", "unpacked") if key in more}
    hurried = Delivering(content, **options)
    options.pop("named", None)
    reports: list[list[Any]] = []
    for source, store in zip((MemoryInput(content, **options), hurried), stores, strict=True):
        used = [each() for each in filters]
        outcomes.append(run(source, *used, output=MemoryOutput(store, **more)))
        reports.append([each.stages for each in used])
    slow, fast = outcomes
    assert fast.images == slow.images, "documents, digests, sizes, counts, and what became of each layer"
    assert fast.receipt.root == slow.receipt.root
    assert stores[0].snapshot() == stores[1].snapshot()
    assert reports[0] == reports[1]
    assert sorted(fast.notes) == sorted(slow.notes)
    return hurried, fast, stores[1]


class TestTheSameResult:
    @pytest.mark.parametrize("named", [True, False])
    @pytest.mark.parametrize("convert", [None, GZIP, ZSTD, NONE])
    @pytest.mark.parametrize("unpacked", [True, False])
    def test_uncompressed_layers(self, named: bool, convert: Compression | None, unpacked: bool) -> None:
        source, _, _ = both_ways(image(), named=named, convert=convert, unpacked=unpacked)
        assert set(source.taken) == digests(image())
        assert source.reads == [], "nothing was asked for again"

    @pytest.mark.parametrize("compression", [GZIP, ZSTD])
    def test_compressed_layers_are_copied_under_the_name_they_come_with(self, compression: Compression) -> None:
        source, _, _ = both_ways(image(compression))
        assert (set(source.taken), source.reads) == (digests(image(compression)), [])

    @pytest.mark.parametrize("filters", [[lambda: Touch(7)], [lambda: Drop("etc/*"), PlainFilter], [Skip], [Label]])
    @pytest.mark.parametrize("named", [True, False])
    def test_filters_that_have_a_fingerprint(self, filters: list[Any], named: bool) -> None:
        source, _, _ = both_ways(image(), *filters, named=named, unpacked=True)
        assert (len(source.taken), source.reads) == (2, [])

    def test_a_layer_that_stands_twice(self) -> None:
        for compression in (GZIP, NONE):
            built = image(compression, BASE, TOP, BASE)
            source, outcome, _ = both_ways(built)
            assert [layer.reused for layer in outcome.images[0].layers] == [False, False, True]
            assert source.reads == []
        source, _, _ = both_ways(image(NONE, BASE, TOP, BASE), unpacked=True)
        assert source.reads == []

    def test_what_the_destination_has_is_not_sent_again(self) -> None:
        for compression in (GZIP, NONE):
            store = MemoryStore().add(image(compression))
            source = Delivering(image(compression))
            outcome = run(source, output=MemoryOutput(store))
            assert [layer.reused for layer in outcome.images[0].layers] == [True, True]
            assert source.reads == []

    def test_a_media_type_that_is_wrong_about_the_compression(self) -> None:
        """It is read for what it is, and said: only then can it be known which layer came."""
        [layer] = image(GZIP, BASE).layers
        misnamed = replace(layer, descriptor=replace(layer.descriptor, media_type=f"{OCI_LAYER}+zstd"))
        _, outcome, _ = both_ways(build_image([misnamed], family=Family.OCI))
        assert "is stored as gzip, its media type says zstd" in outcome.notes[0]


class TestWhatIsNotTaken:
    def test_where_blobs_have_an_order(self) -> None:
        source = Delivering(image(), unpacked=True)

        class Archive(MemoryOutput):
            def __init__(self) -> None:
                super().__init__()
                self.traits = OutputTraits((GZIP, NONE))

        run(source, output=Archive())
        assert source.taken == []

    def test_where_one_digest_only_may_arrive(self) -> None:
        source, output = Delivering(image(GZIP)), MemoryOutput(cannot_modify="it names a digest")
        run(source, output=output)
        assert source.taken == [] and output.store.images

    def test_where_somebody_sees_layers_in_their_image(self) -> None:
        for more in ({"judging": Judging(())}, {}):
            source = Delivering(image(), unpacked=True)
            run(source, *([] if more else [Look()]), **more)
            assert source.taken == []

    def test_compressed_layers_that_a_filter_may_leave_alone(self) -> None:
        source, _, _ = both_ways(image(GZIP), PlainFilter)
        assert source.taken == []

    def test_compressed_layers_that_have_no_name_or_are_to_be_stored_otherwise(self) -> None:
        assert both_ways(image(GZIP), named=False)[0].taken == []
        assert both_ways(image(GZIP), convert=ZSTD)[0].taken == []

    @pytest.mark.parametrize("named", [True, False])
    def test_a_layer_cache_that_knows_nothing_takes_nothing_away(self, tmp_path: Path, named: bool) -> None:
        store, path, taken = MemoryStore(), tmp_path / "cache.json", []
        for _ in range(2):
            source = Delivering(image(), named=named, unpacked=True)
            outcome = run(source, Touch(7), output=MemoryOutput(store), layer_cache=LayerCache(path))
            taken.append(len(source.taken))
            assert [layer.reused for layer in outcome.images[0].layers] == [len(taken) == 2] * 2
        assert taken == [2, 0]

    def test_what_the_layer_cache_knows(self, tmp_path: Path) -> None:
        store, path = MemoryStore(), tmp_path / "cache.json"
        for expected in (2, 0):
            source = Delivering(image(), unpacked=True)
            run(source, Touch(7), output=MemoryOutput(store), layer_cache=LayerCache(path))
            assert (len(source.taken), source.reads) == (expected, [])


class TestWhatNobodyWants:
    def test_it_does_not_stay(self) -> None:
        here, elsewhere = image(GZIP), build_image([layer_tar(file("a", "other"))], platform=Platform("linux", "s390x"))
        source, store = Delivering(build_index([here, elsewhere])), MemoryStore()
        run(source, output=MemoryOutput(store))
        assert len(source.taken) == 3
        assert set(store.blobs) == digests(here)

    def test_it_may_be_damaged(self) -> None:
        here, elsewhere = image(GZIP), build_image([layer_tar(file("a", "other"))], platform=Platform("linux", "s390x"))
        damaged = elsewhere.layers[0].descriptor.digest
        outcome = run(Delivering(build_index([here, elsewhere]), instead={damaged: here.layers[0].blob}))
        assert not outcome.findings


class TestBadDays:
    @pytest.mark.parametrize("compression", [GZIP, NONE])
    @pytest.mark.parametrize("unpacked", [True, False])
    @pytest.mark.parametrize("filters", [[], [Touch(7)]])
    def test_a_damaged_layer_is_told_of_as_ever(
        self, compression: Compression, unpacked: bool, filters: list[Any]
    ) -> None:
        built = image(compression)
        spoilt = built.layers[1].blob.replace(b"\x50\x51", b"\x00\x00", 1)[:-3] + b"xyz"
        instead = {built.layers[1].descriptor.digest: spoilt}
        words = []
        for kind in (MemoryInput, Delivering):
            store = MemoryStore()
            output = MemoryOutput(store)
            with pytest.raises(OccystrapError) as caught:
                run(kind(built, instead=instead, unpacked=unpacked), *filters, output=output)
            words.append((type(caught.value), str(caught.value)))
            assert output.aborted and store.snapshot() == ({}, {}, {})
        assert words[0] == words[1]

    def test_a_config_that_lies(self) -> None:
        rootfs = {"type": "layers", "diff_ids": [str(Digest.of(b"another")), str(Digest.of(TOP))]}
        lying = build_image([BASE, TOP], compression=NONE, config={"rootfs": rootfs})
        words = []
        for kind in (MemoryInput, Delivering):
            with pytest.raises(OccystrapError, match="the image config says") as caught:
                run(kind(lying, unpacked=True))
            words.append(str(caught.value))
        assert words[0] == words[1]

    @pytest.mark.parametrize("compression", [GZIP, NONE])
    def test_a_source_that_breaks(self, compression: Compression) -> None:
        built, output = image(compression), MemoryOutput()
        last = built.layers[1].descriptor.digest
        with pytest.raises(TransferError, match="^source: the connection was lost$"):
            run(Delivering(built, fail_after={last: 100}, unpacked=True), output=output)
        assert output.aborted

    @pytest.mark.parametrize("method", ["put_blob", "keep"])
    @pytest.mark.parametrize("calls", [0, 1])
    def test_a_destination_that_fails(self, method: str, calls: int) -> None:
        output = MemoryOutput(fail_at=method, fail_after=calls)
        with pytest.raises(TransferError, match="^destination: no space left on the device$"):
            run(Delivering(image(), unpacked=True), output=output)
        assert output.aborted

    def test_a_blob_that_cannot_be_kept_ends_a_source_that_has_more(self) -> None:
        class Endless(Delivering):
            def deliver(self, take: Take) -> None:
                super().deliver(take)
                assert self.interrupted.wait(20), "nobody said that it is over"
                raise TransferError("cut off")

        with pytest.raises(TransferError, match="no space left on the device"):
            run(Endless(image(), unpacked=True), output=MemoryOutput(fail_at="keep"))

    def test_an_interruption_ends_the_source_and_what_is_being_kept(self) -> None:
        class Slow(MemoryOutput):
            def keep(self, staged: Any, blob: Descriptor, layer: SealedLayer | None) -> None:
                assert source.interrupted.wait(20)
                raise TransferError("interrupted, too")

        class Interrupting(Delivering):
            def deliver(self, take: Take) -> None:
                super().deliver(take)
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        source, output = Interrupting(image(), unpacked=True), Slow()
        before = threading.active_count()
        with pytest.raises(KeyboardInterrupt):
            run(source, output=output)
        assert output.aborted and threading.active_count() == before
