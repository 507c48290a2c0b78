"""What a run was asked to do, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from occystrap_core.contracts.filter import FilterReport
from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.output import Output, OutputContext, Receipt
from occystrap_core.contracts.progress import Progress
from occystrap_core.contracts.settings import Settings
from occystrap_core.contracts.verifier import Depth, Verifier
from occystrap_core.engine.assemble import AssembledImage
from occystrap_core.engine.chain import OpenFilter
from occystrap_core.engine.layer_cache import LayerCache
from occystrap_core.engine.selection import Selection

if TYPE_CHECKING:
    from occystrap_core.engine.check import CheckOutcome
    from occystrap_core.engine.judged_pass import Judging

Reopen = Callable[[], Input]


@dataclass(frozen=True, slots=True)
class Request:
    """The destination is opened only when the source was read well enough to be wanted.

    `depth` None leaves the verifiers out. The reopen functions serve them; the one for the
    destination is given the receipt. `judging` is what judges that which is written, while it is.
    """

    source: Input
    open_output: Callable[[OutputContext], Output]
    selection: Selection
    settings: Settings
    progress: Progress
    filters: tuple[OpenFilter, ...] = ()
    verifiers: tuple[tuple[str, Verifier], ...] = ()
    depth: Depth | None = Depth.QUICK
    reopen_source: Reopen | None = None
    reopen_destination: Callable[[Receipt], Input] | None = None
    layer_cache: LayerCache | None = None
    judging: Judging | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`size` is what the destination holds for the image: documents and blobs as stored."""

    receipt: Receipt
    images: tuple[AssembledImage, ...]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    reports: tuple[tuple[str, FilterReport], ...]
    transfer_seconds: float
    verify_seconds: float
    verified: bool
    check: CheckOutcome | None = None

    @property
    def layer_count(self) -> int:
        return sum(len(image.layers) for image in self.images)

    @property
    def size(self) -> int:
        blobs = {layer.blob.digest: layer.blob.size for image in self.images for layer in image.layers}
        configs = {image.config.digest: len(image.config.raw) for image in self.images}
        return sum(blobs.values()) + sum(configs.values())

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)
