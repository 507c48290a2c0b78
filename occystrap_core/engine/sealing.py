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
class Made:
    """A blob that was made of a layer: what was read, what the filters left of it, and how it is stored."""

    source: Measured
    result: Measured
    stored: Measured
    staged: Staged
    chain: Chain


def sealed_as_made(plan: LayerPlan, made: Made) -> PassResult:
    """DigestMismatch where the layer unpacks to something else than the image's config says."""
    source, result, stored = made.source, made.result, made.stored
    require_diff_id(plan, source.digest)
    sealed = SealedLayer(
        source=plan.layer,
        diff_id=result.digest,
        blob=replace(plan.layer.descriptor, media_type=plan.media_type, digest=stored.digest, size=stored.size),
        changed=result.digest != plan.layer.diff_id,
        uncompressed_size=result.size,
        stats=made.chain.census.stats(source.size, result.size) if made.chain.steps else LayerStats(),
    )
    return PassResult(sealed, stages_of(plan, made.chain, sealed, source))


def sealed_as_it_lies(plan: LayerPlan) -> SealedLayer:
    """A layer whose blob goes on unopened."""
    layer, blob = plan.layer, plan.layer.descriptor
    size = None
    if layer.is_tar and plan.declared is Compression.NONE and blob.digest.algorithm == algorithm_of(plan):
        require_diff_id(plan, blob.digest)
        size = blob.size
    return SealedLayer(layer, layer.diff_id, blob, changed=False, uncompressed_size=size)


def stages_of(plan: LayerPlan, chain: Chain, sealed: SealedLayer, source: Measured) -> dict[int, StageLayer]:
    changing = [step.position for step in chain.steps if not step.observes]
    stages = {}
    for step in chain.steps:
        if not any(position <= step.position for position in changing):
            seen, size = plan.layer.diff_id, source.size
        elif step.position in chain.stages:
            seen, size = chain.stages[step.position].digest, chain.stages[step.position].size
        else:
            seen, size = sealed.diff_id, sealed.uncompressed_size or 0
        stages[step.position] = StageLayer(plan.layer, seen, size, seen != plan.layer.diff_id)
    return stages


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
