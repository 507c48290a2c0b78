"""What the bytes of a layer turned out to be, put together with what the documents say of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from occystrap_core.contracts.filter import StageLayer
from occystrap_core.contracts.output import Staged
from occystrap_core.engine.chain import Chain
from occystrap_core.engine.layer_plan import LayerPlan
from occystrap_core.model.digest import USUAL_ALGORITHM, Digest
from occystrap_core.model.errors import DigestMismatch
from occystrap_core.model.layer import LayerStats, SealedLayer
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.verified import Measured


@dataclass(frozen=True, slots=True)
class PassResult:
    """`stages` holds the layer as it left each filter that opened it, by place in the chain."""

    sealed: SealedLayer
    stages: dict[int, StageLayer]


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that went by."""

    digest: Digest
    size: int

    @classmethod
    def of(cls, measured: Measured) -> Content:
        return cls(measured.digest, measured.size)


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the uncompressed `source`: what the filters left of it, how that is stored, and what
    left each of them, by place in the chain."""

    source: Content
    result: Content
    stored: Content
    staged: Staged
    left: dict[int, Content]
    stats: LayerStats


def sealed_as_made(plan: LayerPlan, made: Made) -> PassResult:
    """DigestMismatch where the layer unpacks to something else than the image's config says."""
    require_diff_id(plan, made.source.digest)
    stored = made.stored
    sealed = SealedLayer(
        source=plan.layer,
        diff_id=made.result.digest,
        blob=replace(plan.layer.descriptor, media_type=plan.media_type, digest=stored.digest, size=stored.size),
        changed=made.result.digest != plan.layer.diff_id,
        uncompressed_size=made.result.size,
        stats=made.stats,
    )
    return PassResult(sealed, stages_of(plan, made.left))


def sealed_as_it_lies(plan: LayerPlan) -> SealedLayer:
    """A layer whose blob goes on unopened."""
    layer, blob = plan.layer, plan.layer.descriptor
    size = None
    if layer.is_tar and plan.declared is Compression.NONE and blob.digest.algorithm == algorithm_of(plan):
        require_diff_id(plan, blob.digest)
        size = blob.size
    return SealedLayer(layer, layer.diff_id, blob, changed=False, uncompressed_size=size)


def left_by_each(chain: Chain, source: Content, result: Content) -> dict[int, Content]:
    """The layer as it left each filter: unchanged, as it was measured between two changes, or as it ended."""
    left, changed = {}, False
    for step in chain.steps:
        changed = changed or not step.observes
        between = chain.stages.get(step.position)
        left[step.position] = (Content.of(between) if between else result) if changed else source
    return left


def stages_of(plan: LayerPlan, left: dict[int, Content]) -> dict[int, StageLayer]:
    return {
        position: StageLayer(plan.layer, content.digest, content.size, content.digest != plan.layer.diff_id)
        for position, content in left.items()
    }


def algorithm_of(plan: LayerPlan) -> str:
    """What the config names this layer by."""
    diff_id = plan.layer.diff_id
    return diff_id.algorithm if diff_id else USUAL_ALGORITHM


def require_diff_id(plan: LayerPlan, found: Digest) -> None:
    wanted = plan.layer.diff_id
    if wanted is None or found == wanted:
        return
    raise DigestMismatch(
        f"{plan} unpacks to {found.short}, the image config says {wanted.short}",
        side="source",
        hint="the image is damaged or was built wrongly",
    )
