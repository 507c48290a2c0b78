"""Is the overlay mounted, from the right layers, and does it show what they say?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from occystrap_core.contracts.finding import Finding
from occystrap_core.contracts.verifier import Depth, Written
from occystrap_core.kit.folder.audit import Audit
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.rootfs.comparison import differences, first
from occystrap_core.kit.rootfs.overlay import LINKS, ROOTFS, mounted_at
from occystrap_core.kit.rootfs.record import Evidence
from occystrap_core.model import strict_json
from occystrap_outputs.mounts.contents import IMAGE_CONFIG, RUNTIME_CONFIG

MOUNT, ROOTFS_CHECK = "verify.mount", "verify.rootfs"


class MountsVerifier:
    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        target = Path(str(written.receipt.details["path"]))
        audit = Audit(Folder(target), depth)
        layers = written.receipt.details["layers"]
        with audit.looking(MOUNT):
            self._mounted(audit, target, layers if isinstance(layers, list) else [])
        for image in written.images:
            audit.exact(MOUNT, IMAGE_CONFIG, image.config.raw)
        with audit.looking(MOUNT):
            strict_json.loads_object(audit.folder.read(RUNTIME_CONFIG), RUNTIME_CONFIG)
        evidence = written.receipt.evidence
        if depth is Depth.FULL and isinstance(evidence, Evidence):
            with audit.looking(ROOTFS_CHECK):
                for sentence in first(differences(target / ROOTFS, evidence)):
                    audit.error(ROOTFS_CHECK, f"{target / ROOTFS}: {sentence}")
        return audit.findings

    def _mounted(self, audit: Audit, target: Path, layers: list[str]) -> None:
        mounted = mounted_at(target / ROOTFS)
        if mounted is None:
            audit.error(MOUNT, f"nothing is mounted at {target / ROOTFS}")
            return
        lower = ":".join(f"{LINKS}/{number}" for number in reversed(range(len(layers))))
        if layers and f"lowerdir={lower}," not in f"{mounted.options},":
            audit.error(MOUNT, f"{target / ROOTFS} is mounted from other directories: {mounted.options}")
        for number, layer in enumerate(layers):
            if (target / LINKS / str(number)).resolve() != (target / layer).resolve():
                audit.error(MOUNT, f"layer {number + 1} of the mount is not {layer}")
