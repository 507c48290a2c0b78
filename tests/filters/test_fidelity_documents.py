"""The documents and counts of a run must agree with each other and with its source."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from occystrap_core.contracts import DeclaredChanges, Depth, Severity, Written
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.layer import LayerStats
from occystrap_core.testing.build import build_image, layer_tar
from occystrap_filters.fidelity.verifier import FidelityVerifier
from tests.filters.fidelity_runs import DROPS, MEMBERS, TIMES, without, written


class TestDocuments:
    IMAGE = build_image([layer_tar(*MEMBERS)])
    OTHER = build_image([layer_tar(*without("last"))])

    def said(self, run: Written) -> list[str]:
        return [finding.message for finding in FidelityVerifier().verify(run, Depth.QUICK)]

    def edited(self, run: Written, **config: Any) -> Written:
        """The run with a config of other content, named rightly by its manifest."""
        (image,) = run.images
        document = Document(json.dumps({**image.config.json, **config}).encode(), image.config.media_type)
        named = {**image.manifest.json["config"], "digest": str(document.digest), "size": len(document.raw)}
        manifest = image.manifest.edited({**image.manifest.json, "config": named})
        return replace(run, images=(replace(image, config=document, manifest=manifest),))

    @pytest.mark.parametrize(
        ("key", "value", "declared"),
        [
            ("history", [], "config"),
            ("created", "2001-01-01T00:00:00Z", "created"),
            ("config", {"Env": ["A=b"]}, "config"),
            ("architecture", "arm64", "config"),
            ("extra", None, "config"),
        ],
    )
    def test_a_config_that_differs_is_found_unless_declared(self, key: str, value: object, declared: str) -> None:
        run = self.edited(written(self.IMAGE, self.IMAGE), **{key: value})
        assert self.said(run) == [f"{key!r} of the config is not as in the source, and no filter declares that"]
        if key != "history":
            assert self.said(replace(run, filters=(DeclaredChanges(frozenset({declared})),))) == []

    def test_times_of_the_history_may_change_where_declared_and_nothing_else_of_it(self) -> None:
        declared = DeclaredChanges(frozenset({"created"}))
        history = self.IMAGE.config.json["history"]
        run = written(self.IMAGE, self.IMAGE, declared)
        assert self.said(self.edited(run, history=[{**history[0], "created": "2001-01-01T00:00:00Z"}])) == []
        assert len(self.said(self.edited(run, history=[{**history[0], "created_by": "else"}]))) == 1

    def test_diff_ids_that_are_not_those_of_the_layers_are_found(self) -> None:
        rootfs = {"type": "layers", "diff_ids": [str(Digest.of(b"x"))]}
        (found,) = self.said(self.edited(written(self.IMAGE, self.IMAGE), rootfs=rootfs))
        assert "does not list the diff_ids" in found

    def test_a_manifest_of_other_layers_is_found(self) -> None:
        run = written(self.IMAGE, self.OTHER, DROPS)
        (image,) = run.images
        stale = replace(image, manifest=image.manifest.edited({**image.manifest.json, "layers": []}))
        assert self.said(replace(run, images=(stale,))) == [
            "the manifest does not list the layers that were written, in their order"
        ]

    def test_a_manifest_of_another_config_is_found(self) -> None:
        run = written(self.IMAGE, self.IMAGE)
        (image,) = run.images
        assert (
            "does not name the config"
            in self.said(replace(run, images=(replace(image, manifest=self.OTHER.manifest, layers=image.layers),)))[0]
        )

    def test_a_change_that_no_filter_declares_is_found(self) -> None:
        assert self.said(written(self.IMAGE, self.OTHER)) == ["layer 1 was changed, and no filter declares a change"]
        assert self.said(written(self.IMAGE, self.OTHER, DROPS)) == []

    @pytest.mark.parametrize(
        ("stats", "said"),
        [
            (LayerStats(entries_in=7, entries_out=5), "has 5 entries where 7 should be"),
            (LayerStats(entries_in=7, entries_out=6, dropped=1), "lost 1 entries"),
            (LayerStats(entries_in=7, entries_out=8, added=1), "gained 1 entries"),
        ],
    )
    def test_counts_that_no_filter_declares_are_found(self, stats: LayerStats, said: str) -> None:
        (found,) = self.said(written(self.IMAGE, self.OTHER, TIMES, stats=stats))
        assert found.startswith(f"layer 1 {said}")

    def test_altered_entries_that_no_filter_declares_are_found(self) -> None:
        only_adds = DeclaredChanges(may_add=True)
        stats = LayerStats(entries_in=7, entries_out=7, altered=2)
        (found,) = self.said(written(self.IMAGE, self.OTHER, only_adds, stats=stats))
        assert "2 altered entries" in found

    def test_a_layer_whose_state_and_diff_id_disagree_is_found(self) -> None:
        run = written(self.IMAGE, self.OTHER, DROPS)
        (image,) = run.images
        wrong = tuple(replace(layer, changed=False) for layer in image.layers)
        (found,) = self.said(replace(run, images=(replace(image, layers=wrong),)))
        assert "said to be unchanged, but has another diff_id" in found

    def test_layers_that_swapped_places_are_found(self) -> None:
        image = build_image([layer_tar(*MEMBERS), layer_tar(("x", ""))])
        run = written(image, image)
        swapped = replace(run.images[0], layers=run.images[0].layers[::-1])
        assert len(self.said(replace(run, images=(swapped,)))) >= 2

    def test_a_layer_too_few_is_found(self) -> None:
        run = written(self.IMAGE, self.IMAGE)
        short = replace(run.images[0], layers=())
        assert "0 layers were written, the source has 1" in self.said(replace(run, images=(short,)))

    def test_where_it_is_wrong_is_told(self) -> None:
        (found,) = FidelityVerifier().verify(written(self.IMAGE, self.OTHER), Depth.QUICK)
        assert (found.check, found.severity) == ("verify.fidelity", Severity.ERROR)
        assert (found.where.manifest, found.where.layer) == (str(self.OTHER.manifest.digest), 0)
