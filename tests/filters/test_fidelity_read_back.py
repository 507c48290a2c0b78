"""The deep look: both sides are read again, and whatever a filter did without saying so is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from occystrap_core.contracts import Depth, Entry, Finding, Input, Severity
from occystrap_core.contracts.entry import HARDLINK
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import AccessDenied, TransferError
from occystrap_core.model.media_types import Compression
from occystrap_core.testing.build import build_artifact, build_image, build_index, directory, file, hardlink, layer_tar
from occystrap_core.testing.memory import MemoryInput, MemoryOutput
from occystrap_filters.fidelity.plugin import occystrap_verifiers
from occystrap_filters.fidelity.verifier import FidelityVerifier
from tests.filters.driving import Filtered, filtered, opened
from tests.filters.fidelity_runs import DROPS, MEMBERS, without, written


class TestWhatCannotBeRead:
    IMAGE = build_image([layer_tar(*MEMBERS)])
    OTHER = build_image([layer_tar(*without("last"))])

    def findings(self, **how: Any) -> list[Finding]:
        return list(FidelityVerifier().verify(written(self.IMAGE, self.OTHER, DROPS, **how), Depth.FULL))

    def only(self, severity: Severity, **how: Any) -> str:
        (found,) = self.findings(**how)
        assert found.severity is severity
        return found.message

    def damaged(self, instead: bytes) -> Callable[[], Input]:
        return lambda: MemoryInput(self.OTHER, instead={self.OTHER.layers[0].descriptor.digest: instead})

    def test_a_damaged_blob_of_the_result_is_an_error(self) -> None:
        damaged = bytearray(self.OTHER.layers[0].blob)
        damaged[-20] ^= 1
        assert "not right" in self.only(Severity.ERROR, reopen_destination=self.damaged(bytes(damaged)))

    def test_a_cut_off_blob_of_the_result_is_an_error(self) -> None:
        assert "not right" in self.only(
            Severity.ERROR, reopen_destination=self.damaged(self.OTHER.layers[0].blob[:-30])
        )

    def test_a_missing_blob_of_the_result_is_an_error(self) -> None:
        assert "not right" in self.only(Severity.ERROR, reopen_destination=lambda: MemoryInput(build_image([])))

    def test_a_result_out_of_reach_is_a_warning(self) -> None:
        def unreachable() -> Input:
            raise AccessDenied("no entry")

        assert "no entry" in self.only(Severity.WARNING, reopen_destination=unreachable)

    def test_a_connection_that_breaks_is_a_warning(self) -> None:
        digest = self.OTHER.layers[0].descriptor.digest
        broken = MemoryInput(self.OTHER, fail_after={digest: 10}, error=TransferError("reset"))
        assert "reset" in self.only(Severity.WARNING, reopen_destination=lambda: broken)

    def test_a_source_that_is_gone_is_a_warning_and_the_result_is_still_read(self) -> None:
        def gone() -> Input:
            raise TransferError("it went away")

        assert "it went away" in self.only(Severity.WARNING, reopen_source=gone)
        damaged = self.damaged(self.OTHER.layers[0].blob[:-30])
        found = self.findings(reopen_source=gone, reopen_destination=damaged)
        assert [each.severity for each in found] == [Severity.WARNING, Severity.ERROR]

    def test_inputs_are_closed(self) -> None:
        inputs = MemoryInput(self.IMAGE), MemoryInput(self.OTHER)
        assert self.findings(reopen_source=lambda: inputs[0], reopen_destination=lambda: inputs[1]) == []
        assert inputs[0].closed and inputs[1].closed

    def test_a_pipe_is_a_warning(self) -> None:
        run = written(self.IMAGE, self.OTHER, DROPS)
        (found,) = FidelityVerifier().verify(replace(run, reopen_destination=None), Depth.FULL)
        assert found.severity is Severity.WARNING

    def test_a_layer_that_was_wrong_at_its_source_is_wrong_here(self) -> None:
        """Copied as it lay: an image that nobody can unpack is not verified OK."""
        layer = build_image([layer_tar(*MEMBERS)]).layers[0]
        wrong = build_image([replace(layer, diff_id=Digest.of(b"another"))])
        (found,) = FidelityVerifier().verify(written(wrong, wrong), Depth.FULL)
        assert (found.severity, "unpacks to" in found.message) == (Severity.ERROR, True)

    def test_the_source_of_an_unchanged_layer_is_not_read_again(self) -> None:
        source = MemoryInput(self.IMAGE)
        run = written(self.IMAGE, self.IMAGE, reopen_source=lambda: source)
        assert list(FidelityVerifier().verify(run, Depth.FULL)) == []
        assert source.reads == []

    def test_a_recompressed_layer_with_other_content_is_found(self) -> None:
        again = build_image([layer_tar(*MEMBERS)], compression=Compression.NONE)
        run = written(self.IMAGE, again)
        assert list(FidelityVerifier().verify(run, Depth.FULL)) == []
        other = build_image([layer_tar(*without("last"))], compression=Compression.NONE)
        (image,) = run.images
        lying = replace(image.layers[0], blob=other.layers[0].descriptor)
        run = replace(run, images=(replace(image, layers=(lying,)),), reopen_destination=lambda: MemoryInput(other))
        assert any("unpacks to" in found.message for found in FidelityVerifier().verify(run, Depth.FULL))


def verified(content: Any, *filters: Any) -> Filtered:
    """A real run with the verifier at its end, as deep as it goes."""
    output = MemoryOutput()
    return filtered(
        content,
        *filters,
        output=output,
        depth=Depth.FULL,
        verifiers=(("fidelity", FidelityVerifier()),),
        reopen_source=lambda: MemoryInput(content),
        reopen_destination=output.store.open,
    )


CHAINS = [
    (),
    ("normalize-timestamps",),
    ("normalize-timestamps:ts=9,config=true",),
    ("exclude:pattern=etc/passwd",),
    ("exclude:pattern=etc",),
    ("exclude:pattern=*",),
    ("search:pattern=*", "exclude:pattern=etc/passwd", "search:pattern=*", "normalize-timestamps:ts=5"),
    ("normalize-timestamps:ts=1", "exclude:pattern=etc/link,last"),
]


@pytest.mark.parametrize("chain", CHAINS)
def test_real_runs_are_found_right(chain: tuple[str, ...]) -> None:
    layers = [layer_tar(*MEMBERS), layer_tar(file("other", "o", mtime=1.5), hardlink("etc/more", "other"))]
    image = build_image(layers)
    assert (
        verified(build_index([image, build_artifact({"application/x": b"a"})], attest=True), *chain).outcome.findings
        == ()
    )


def test_hard_links_out_of_an_excluded_directory_are_found_right() -> None:
    layer = layer_tar(
        directory("x"), file("x/a", "1", mtime=4), hardlink("x/b", "x/a"), hardlink("p", "x/b"), hardlink("q", "x/a"),
        file("y", "2"), hardlink("x/y", "y"), hardlink("z", "x/y"),
    )  # fmt: skip
    result = verified(build_image([layer]), "exclude:pattern=x", "normalize-timestamps:ts=2")
    assert result.outcome.findings == ()
    assert [entry.kind == HARDLINK for entry, _ in result.entries().values()] == [False, True, False, True]


class Careless:
    """A filter that does to entries what it does not declare."""

    def __init__(self, harm: Callable[[Entry], Entry | None]) -> None:
        self._inner = opened("normalize-timestamps:ts=9").filter
        self._harm = harm

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def begin(self, layer: Any, image: Any) -> Any:
        outer = self

        class Harming:
            def entry(self, entry: Entry) -> Entry | None:
                return outer._harm(entry)

            def finish(self) -> tuple[Entry, ...]:
                return ()

        return Harming()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda entry: None if entry.path == b"last" else entry, "lost 1 entries"),
        (lambda entry: entry.replaced(drop_pax=["SCHILY.xattr.security.capability"]), "another xattrs"),
        (lambda entry: entry.replaced(linkname=b"x") if entry.kind == HARDLINK else entry, "another linkname"),
        (lambda entry: entry.replaced(body=b"cut") if entry.path == b"etc/passwd" else entry, "another content"),
        (lambda entry: entry.replaced(name=b"less") if entry.path == b"last" else entry, "is missing"),
    ],
)
def test_a_careless_filter_is_caught(harm: Callable[[Entry], Entry | None], said: str) -> None:
    chain = replace(opened("normalize-timestamps"), filter=Careless(harm))
    findings = verified(build_image([layer_tar(*MEMBERS)]), chain).outcome.findings
    assert any(said in finding.message for finding in findings)
    assert all(finding.severity is Severity.ERROR for finding in findings)


def test_it_answers_for_every_scheme() -> None:
    (spec,) = occystrap_verifiers()
    assert (spec.name, spec.schemes) == ("fidelity", ())
