"""The in-memory input and output: what they serve, and what they refuse."""

from __future__ import annotations

import threading

import pytest

from occystrap_core.contracts.output import Slot
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import NotFound, TransferError
from occystrap_core.testing.build import build_image, layer_tar
from occystrap_core.testing.contract import ContractViolation
from occystrap_core.testing.memory import MemoryInput, MemoryOutput, MemoryStore

IMAGE = build_image([layer_tar(("a", "one")), layer_tar(("b", "two"))])
FIRST = IMAGE.layers[0].descriptor
NOBODY = Descriptor("text/plain", Digest.of(b"nobody"), 6)


def write(output: MemoryOutput, image=IMAGE):
    for order, layer in enumerate(image.layers):
        output.keep(output.put_blob([layer.blob], Slot(order)), layer.descriptor, None)
    output.put_document(image.config)
    output.put_document(image.manifest)
    return output.commit(image.root)


def test_an_input_serves_exact_documents_and_blobs():
    source = MemoryInput(IMAGE, chunk_size=7)
    assert source.document(IMAGE.root) == IMAGE.manifest.raw
    assert b"".join(bytes(chunk) for chunk in source.blob(FIRST)) == IMAGE.layers[0].blob
    assert source.reads == [FIRST.digest]


def test_a_chunk_is_gone_once_the_next_one_is_asked_for():
    chunks = MemoryInput(IMAGE, chunk_size=8).blob(FIRST)
    kept = next(chunks)
    before = bytes(kept)
    next(chunks)
    assert bytes(kept) != before


def test_what_is_not_there_is_not_found():
    source = MemoryInput(IMAGE)
    with pytest.raises(NotFound):
        source.document(NOBODY)
    with pytest.raises(NotFound):
        next(source.blob(NOBODY))


def test_a_stream_can_break_in_the_middle():
    source = MemoryInput(IMAGE, chunk_size=4, fail_after={FIRST.digest: 10})
    seen = bytearray()
    with pytest.raises(TransferError):
        for chunk in source.blob(FIRST):
            seen += chunk
    assert bytes(seen) == IMAGE.layers[0].blob[:10]


def test_an_input_that_is_read_once_notices_the_second_time():
    source = MemoryInput(IMAGE, reopenable=False)
    list(source.blob(FIRST))
    with pytest.raises(ContractViolation, match="twice"):
        source.blob(FIRST)


def test_an_input_for_one_reader_notices_the_second_one():
    source = MemoryInput(IMAGE, concurrent=False, chunk_size=4)
    first = source.blob(FIRST)
    next(first)
    with pytest.raises(ContractViolation, match="one stream"):
        next(source.blob(IMAGE.layers[1].descriptor))


def test_nothing_is_visible_before_commit_and_everything_after():
    store = MemoryStore()
    output = MemoryOutput(store)
    output.keep(output.put_blob([IMAGE.layers[0].blob], Slot(0)), FIRST, None)
    assert store.snapshot() == ({}, {}, {})
    assert output.holds(FIRST.digest) == FIRST.size  # for this run, which kept it
    output.abort()
    receipt = write(MemoryOutput(store))
    assert store.open(receipt).document(IMAGE.root) == IMAGE.manifest.raw
    assert MemoryOutput(store).holds(FIRST.digest) == FIRST.size


def test_blobs_arrive_from_several_threads():
    image = build_image([layer_tar((f"file{number}", "x" * number)) for number in range(20)])
    output = MemoryOutput()

    def put(order):
        output.keep(output.put_blob([image.layers[order].blob], Slot(order)), image.layers[order].descriptor, None)

    threads = [threading.Thread(target=put, args=(order,)) for order in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    output.put_document(image.config)
    output.put_document(image.manifest)
    output.commit(image.root)
    assert output.store.image().blobs == image.blobs


def test_a_document_that_names_what_never_came_is_refused():
    output = MemoryOutput()
    with pytest.raises(ContractViolation, match="comes before"):
        output.put_document(IMAGE.manifest)


def test_a_staged_blob_must_find_its_end_before_commit():
    output = MemoryOutput()
    output.put_document(IMAGE.config)
    output.put_blob([b"left behind"], Slot(0))
    with pytest.raises(ContractViolation, match="kept or discarded"):
        output.commit(IMAGE.root)


def test_a_blob_is_kept_only_under_its_true_name():
    output = MemoryOutput()
    with pytest.raises(ContractViolation, match="other bytes"):
        output.keep(output.put_blob([b"something else"], Slot(0)), FIRST, None)


def test_slots_leave_no_gap():
    output = MemoryOutput()
    for order, layer in enumerate(IMAGE.layers):
        output.keep(output.put_blob([layer.blob], Slot(order * 2)), layer.descriptor, None)
    output.put_document(IMAGE.config)
    output.put_document(IMAGE.manifest)
    with pytest.raises(ContractViolation, match="gap"):
        output.commit(IMAGE.root)


@pytest.mark.parametrize("method", ["put_blob", "keep", "put_document", "commit"])
def test_an_output_fails_where_it_is_told_to(method):
    output = MemoryOutput(fail_at=method)
    with pytest.raises(TransferError, match="no space"):
        write(output)
    output.abort()
    assert output.store.snapshot() == ({}, {}, {})


def test_after_commit_or_abort_an_output_takes_nothing_more():
    committed, aborted = MemoryOutput(), MemoryOutput()
    write(committed)
    aborted.abort()
    for output in (committed, aborted):
        with pytest.raises(ContractViolation, match="not used after"):
            output.put_blob([b""], Slot(9))
