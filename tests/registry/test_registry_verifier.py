"""The verifier of registry:// finds what is not as it was pushed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from occystrap_core.contracts import Depth, Finding, Receipt, Severity, Written, WrittenImage
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer, SealedLayer
from occystrap_core.testing.build import BuiltImage, BuiltIndex, build_image, build_index, layer_tar
from occystrap_core.testing.conformance import check_verifier
from occystrap_core.testing.registry import EmbeddedRegistry, Fault, TokenGate
from occystrap_filters.fidelity.verifier import FidelityVerifier
from occystrap_outputs.registry.verifier import RegistryVerifier
from tests.registry.opening import SETTINGS, destination, push, source

NAME = "team/app"


@pytest.fixture
def image() -> BuiltImage:
    return build_image([layer_tar(("etc/", ""), ("etc/motd", "hello")), layer_tar(("a", "b"))])


@pytest.fixture
def pushed(embedded: EmbeddedRegistry, image: BuiltImage) -> Written:
    return written(push(destination(f"registry://{embedded.host}/{NAME}:v1"), image), image)


def written(receipt: Receipt, tree: BuiltImage | BuiltIndex, reopen: bool = True) -> Written:
    documents = [document for image in tree.images for document in (image.config, image.manifest)]
    return Written(
        receipt=receipt,
        images=tuple(_written_image(image) for image in tree.images),
        documents=(*documents, *([tree.index] if isinstance(tree, BuiltIndex) else [])),
        filters=(),
        settings=SETTINGS,
        reopen_source=None,
        reopen_destination=(lambda: source(receipt.uri, receipt.settings or SETTINGS)) if reopen else None,
    )


def _written_image(image: BuiltImage) -> WrittenImage:
    layers = tuple(Layer(place, layer.descriptor, layer.diff_id) for place, layer in enumerate(image.layers))
    sealed = tuple(SealedLayer(layer, layer.diff_id, layer.descriptor, changed=False) for layer in layers)
    tree = Image(image.root, image.manifest, image.config.descriptor(), image.config, layers, image.root.platform)
    return WrittenImage(tree, image.manifest, image.config, sealed)


def findings(what: Written, depth: Depth = Depth.QUICK) -> list[Finding]:
    return list(RegistryVerifier().verify(what, depth))


def errors(what: Written, depth: Depth = Depth.QUICK) -> list[tuple[str, int | None]]:
    return [
        (finding.check, finding.where.layer) for finding in findings(what, depth) if finding.severity is Severity.ERROR
    ]


def blobs(embedded: EmbeddedRegistry) -> dict[str, bytes]:
    return embedded.store.repository(NAME).blobs


def test_it_keeps_the_verifier_contract(embedded: EmbeddedRegistry, pushed: Written, image: BuiltImage) -> None:
    def damage() -> None:
        digest = str(image.layers[1].descriptor.digest)
        blobs(embedded)[digest] = b"X" + blobs(embedded)[digest][1:]

    check_verifier(RegistryVerifier(), pushed, damage=damage)


def test_a_sound_push_has_no_findings(pushed: Written) -> None:
    assert findings(pushed) == findings(pushed, Depth.FULL) == []


@pytest.mark.parametrize(
    "verifiers", [(RegistryVerifier,), (FidelityVerifier, RegistryVerifier)], ids=["alone", "after fidelity"]
)
def test_every_layer_is_read_back_once(
    embedded: EmbeddedRegistry, pushed: Written, image: BuiltImage, verifiers: tuple[type, ...]
) -> None:
    assert [list(verifier().verify(pushed, Depth.FULL)) for verifier in verifiers] == [[]] * len(verifiers)
    for layer in image.layers:
        assert len(embedded.seen("GET", f"/blobs/{layer.descriptor.digest}")) == 1


def test_what_could_not_be_compared_is_read_back_by_its_own(embedded: EmbeddedRegistry, pushed: Written) -> None:
    unreadable = replace(pushed, reopen_destination=None)
    assert [each.severity for each in FidelityVerifier().verify(unreadable, Depth.FULL)] == [Severity.WARNING]
    assert findings(unreadable, Depth.FULL) == []
    assert len([each for each in embedded.seen("GET") if "/blobs/" in each.path]) == 3


def test_an_index_is_looked_at_as_a_whole(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    index = build_index([image, build_image([layer_tar(("c", "d"))])])
    pushed = written(push(destination(f"registry://{embedded.host}/{NAME}:all"), index), index)
    assert findings(pushed) == []
    child = index.children[1]
    del embedded.store.repository(NAME).manifests[str(child.root.digest)]
    assert errors(pushed) == [("verify.manifest", None)]


@pytest.mark.parametrize("position", [0, 1])
def test_a_missing_layer(embedded: EmbeddedRegistry, pushed: Written, image: BuiltImage, position: int) -> None:
    del blobs(embedded)[str(image.layers[position].descriptor.digest)]
    assert errors(pushed) == [("verify.layer", position)]


def test_a_layer_of_another_size(embedded: EmbeddedRegistry, pushed: Written, image: BuiltImage) -> None:
    blobs(embedded)[str(image.layers[0].descriptor.digest)] += b"x"
    (finding,) = findings(pushed)
    assert "bytes long, not" in finding.message and finding.where.layer == 0
    assert finding.where.manifest == str(image.root.digest)


def test_a_missing_config(embedded: EmbeddedRegistry, pushed: Written, image: BuiltImage) -> None:
    del blobs(embedded)[str(image.config.digest)]
    assert errors(pushed) == [("verify.config", None)]


def test_a_moved_tag(embedded: EmbeddedRegistry, pushed: Written) -> None:
    embedded.add(build_image([layer_tar(("other", "x"))]), NAME, "v1")
    (finding,) = findings(pushed)
    assert finding.check == "verify.manifest" and "v1 holds another manifest" in finding.message


def test_a_missing_tag(embedded: EmbeddedRegistry, pushed: Written) -> None:
    del embedded.store.repository(NAME).tags["v1"]
    assert errors(pushed) == [("verify.manifest", None)]


def test_a_flipped_bit_is_found_by_reading_it(embedded: EmbeddedRegistry, pushed: Written, image: BuiltImage) -> None:
    digest = str(image.layers[1].descriptor.digest)
    blob = bytearray(blobs(embedded)[digest])
    blob[20] ^= 4
    blobs(embedded)[digest] = bytes(blob)
    assert errors(pushed) == []
    assert errors(pushed, Depth.FULL) == [("verify.layer", 1)]


def test_what_cannot_be_asked_is_a_warning(embedded: EmbeddedRegistry, pushed: Written) -> None:
    embedded.fail(Fault(status=403, times=None))
    *found, last = findings(pushed)
    assert len(found) == 3 and {finding.severity for finding in found} == {Severity.WARNING}
    assert all("could not be verified" in finding.message for finding in found)
    assert (last.check, last.message) == ("verify.registry", "the rest was not looked at")


def test_a_registry_that_went_away_is_a_warning(embedded: EmbeddedRegistry, pushed: Written) -> None:
    embedded.close()
    assert {finding.severity for finding in findings(pushed)} == {Severity.WARNING}


def test_the_login_is_a_fresh_one(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.gate = TokenGate(users={"ann": "secret"})
    pushed = written(push(destination(f"registry://ann:secret@{embedded.host}/{NAME}:v1"), image), image)
    before = len(embedded.gate.given)
    assert findings(pushed) == []
    assert len(embedded.gate.given) == before + 1
    assert embedded.gate.asked_scopes[-1] == (f"repository:{NAME}:pull",)


def test_without_a_way_to_reopen_it_asks_as_anybody(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    receipt = push(destination(f"registry://{embedded.host}/{NAME}:v1?insecure=true"), image)
    assert findings(written(receipt, image, reopen=False)) == []


def test_a_layer_that_stands_twice_is_read_once(embedded: EmbeddedRegistry) -> None:
    twice = build_image([layer_tar(("a", "b")), layer_tar(("a", "b"))])
    pushed = written(push(destination(f"registry://{embedded.host}/{NAME}:v1"), twice), twice)
    embedded.requests.clear()
    assert findings(pushed, Depth.FULL) == []
    digest = Digest.of(twice.layers[0].blob)
    assert len(embedded.seen("GET", str(digest))) == 1
