"""Is the bundle complete, and is its root file system what the layers say?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from occystrap_core.contracts.finding import Finding
from occystrap_core.contracts.verifier import Depth, Written
from occystrap_core.kit.folder.audit import Audit
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.rootfs.comparison import differences, first
from occystrap_core.kit.rootfs.record import Evidence
from occystrap_core.model import strict_json
from occystrap_outputs.oci.output import IMAGE_CONFIG, ROOTFS, RUNTIME_CONFIG

BUNDLE, ROOTFS_CHECK = "verify.bundle", "verify.rootfs"


class BundleVerifier:
    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        folder = Folder(Path(str(written.receipt.details["path"])))
        audit = Audit(folder, depth)
        with audit.looking(BUNDLE):
            if folder.listing() != sorted((ROOTFS, RUNTIME_CONFIG, IMAGE_CONFIG)):
                audit.error(BUNDLE, f"{folder} holds {', '.join(folder.listing())}")
            if not (folder.path / ROOTFS).is_dir():
                audit.error(BUNDLE, f"{folder}/{ROOTFS} is not a directory")
        for image in written.images:
            audit.exact(BUNDLE, IMAGE_CONFIG, image.config.raw)
        with audit.looking(BUNDLE):
            strict_json.loads_object(folder.read(RUNTIME_CONFIG), RUNTIME_CONFIG)
        evidence = written.receipt.evidence
        if depth is Depth.FULL and isinstance(evidence, Evidence):
            with audit.looking(ROOTFS_CHECK):
                for sentence in first(differences(folder.path / ROOTFS, evidence)):
                    audit.error(ROOTFS_CHECK, f"{folder}/{ROOTFS}: {sentence}")
        return audit.findings
