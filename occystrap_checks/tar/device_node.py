"""Devices and pipes in layers."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, Tally, counted
from occystrap_core.contracts import (
    CheckSpec,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    hookimpl,
)
from occystrap_core.contracts.entry import BLOCK_DEVICE, CHAR_DEVICE, FIFO


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="device-node",
        summary="layers hold no devices and no pipes",
        implementation="occystrap_checks.tar.device_node:DeviceNode",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Only root may make devices: rootless engines fail at them, leave them out, or put an empty file there. "
        "Those in /dev, which base systems bring along, are info: the runtime mounts a /dev of its own over them.",
        example="RUN mknod /srv/fuse c 10 229",
        remedy="Give devices to the container when it starts (--device), and make pipes in the entrypoint.",
        kinds=frozenset({CHAR_DEVICE, BLOCK_DEVICE, FIFO}),
    )


class DeviceNode(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Nodes()


class Nodes(LayerExamination):
    def __init__(self) -> None:
        self._devices = Tally()
        self._hidden = Tally()
        self._pipes = Tally()

    def entry(self, entry: Entry) -> Iterable[Remark]:
        if entry.kind == FIFO:
            self._pipes.add(entry.path)
        elif entry.kind != CHAR_DEVICE or entry.device != (0, 0):  # the rule overlay-whiteout speaks of those
            (self._hidden if entry.path.startswith(b"dev/") else self._devices).add(entry.path)
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic:
            return
        if self._devices.count:
            yield self._devices.remark(f"{counted(self._devices.count, 'device')}: {self._devices}")
        if self._hidden.count:
            found = f"{counted(self._hidden.count, 'device')} in /dev, where no container sees them: {self._hidden}"
            yield self._hidden.remark(found, Severity.INFO)
        if self._pipes.count:
            yield self._pipes.remark(f"{counted(self._pipes.count, 'named pipe')}: {self._pipes}")
