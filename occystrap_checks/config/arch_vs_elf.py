"""The machine that programs are built for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from occystrap_checks.config.elf import RUNS_ON, machine_of
from occystrap_checks.config.judged import is_windows, judged_config
from occystrap_checks.config.program import program_of
from occystrap_checks.config.program_heads import ProgramHeads
from occystrap_checks.wording import place_of
from occystrap_core.contracts import (
    CheckContext,
    CheckSpec,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    hookimpl,
    shown,
)

_HEAD = 20


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="arch-vs-elf",
        summary="programs are built for the architecture of the image",
        implementation="occystrap_checks.config.arch_vs_elf:ArchVsElf",
        severity=Severity.ERROR,
        needs=Needs.CONTENT,
        head=_HEAD,
        head_of=("executable",),
        why="The container does not start: 'exec format error'. The image says one architecture and holds another's "
        "programs.",
        example="docker buildx build --platform linux/arm64 with a Dockerfile that copies an amd64 program.",
        remedy="Build or download the program for TARGETARCH; look at it with `file`.",
    )


class ArchVsElf(Examination):
    def __init__(self, context: CheckContext) -> None:
        super().__init__(context)
        self._heads = ProgramHeads(machine_of)

    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return self._heads.examination()

    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        config = judged_config(image) or {}
        architecture = str(config.get("architecture", "")).lower()
        runs = RUNS_ON.get(architecture)
        if runs is None or is_windows(config):
            return ()
        program = program_of(image, view)
        seen = program.seen if program else None
        machine = self._heads.of(image, view, seen) if seen else None
        if seen and machine:
            if machine in runs:
                return ()
            text = f"the image is for {architecture}, the program it starts (/{shown(seen.path)}) for {machine}"
            return (Remark(text, place_of(seen)),)
        return self._all_foreign(image, architecture, runs, starts_something=program is not None)

    def _all_foreign(
        self, image: ImageUnderCheck, architecture: str, runs: set[str], starts_something: bool
    ) -> Iterable[Remark]:
        """One program for another machine may be meant; no program for this one is not."""
        machines = Counter(self._heads.everything(image))
        if not machines or any(machine in runs for machine in machines):
            return ()
        (machine, count), *_ = machines.most_common(1)
        text = f"the image is for {architecture} and has no program for it, but {count} for {machine}"
        return (Remark(text, severity=None if starts_something else Severity.WARNING),)
