"""Is the image really in the layout, whole, and under its name?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from occystrap_core.contracts.finding import Finding, Where
from occystrap_core.contracts.verifier import Depth, Written
from occystrap_core.kit.folder.audit import Audit
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.oci_layout.layout import Layout
from occystrap_core.kit.oci_layout.names import blob_file
from occystrap_core.model.media_types import INDEXES, MANIFESTS

LAYOUT, MANIFEST, CONFIG, LAYER = "verify.ocidir", "verify.manifest", "verify.config", "verify.layer"


class LayoutVerifier:
    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        path = Path(str(written.receipt.details["path"]))
        audit = Audit(Folder(path), depth, written.read_back)
        _look_at_index(audit, path, written)
        for document in written.documents:
            check = MANIFEST if document.media_type in INDEXES | MANIFESTS else CONFIG
            audit.exact(check, blob_file(document.digest), document.raw)
        for image in written.images:
            manifest = str(image.manifest.digest)
            for layer in image.layers:
                where = Where(manifest=manifest, layer=layer.source.position)
                audit.file(LAYER, blob_file(layer.blob.digest), layer.blob.size, layer.blob.digest, where)
        return audit.findings


def _look_at_index(audit: Audit, path: Path, written: Written) -> None:
    name = str(written.receipt.details["name"])
    with audit.looking(LAYOUT):
        listed = Layout.open(path).index.named(name)
        if (listed.digest, listed.size) != (written.receipt.root.digest, written.receipt.root.size):
            audit.error(LAYOUT, f"{path} has {listed.digest} under the name {name}, not {written.receipt.root.digest}")
