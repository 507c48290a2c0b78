"""Are the image's files all there, and does the catalog lead to them?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from occystrap_core.contracts.finding import Finding, Where
from occystrap_core.contracts.verifier import Depth, Written, WrittenImage
from occystrap_core.kit.docker_directory.catalog import Catalog
from occystrap_core.kit.folder.audit import Audit
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.rootfs.comparison import differences, first
from occystrap_core.kit.rootfs.record import Evidence, read_again
from occystrap_core.model import strict_json
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.image import ImageName
from occystrap_outputs.dir.output import config_file, layer_file

CATALOG, MANIFEST, CONFIG, LAYER = "verify.catalog", "verify.manifest", "verify.config", "verify.layer"
ROOTFS = "verify.rootfs"


class DirectoryVerifier:
    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        audit = Audit(Folder(Path(str(written.receipt.details["path"]))), depth, written.read_back)
        _look_at_catalog(audit, written)
        for image in written.images:
            _look_at_manifest(audit, str(written.receipt.details["manifest"]), image)
            audit.exact(CONFIG, config_file(image.config.digest), image.config.raw)
            expanded = written.receipt.details.get("expanded")
            if isinstance(expanded, dict):
                _look_at_tree(audit, expanded, image, depth)
            for layer in image.layers:
                where = Where(manifest=str(image.manifest.digest), layer=layer.source.position)
                audit.file(LAYER, layer_file(layer.blob.digest), layer.blob.size, layer.blob.digest, where)
        return audit.findings


def _look_at_catalog(audit: Audit, written: Written) -> None:
    details = written.receipt.details
    name = ImageName(str(details["image"]), str(details["tag"]))
    with audit.looking(CATALOG):
        listed = Catalog.of(audit.folder).file_of(name)
        if listed != details["manifest"]:
            audit.error(CATALOG, f"the catalog lists {listed} for {name}, {details['manifest']} was written")


def _look_at_manifest(audit: Audit, file: str, image: WrittenImage) -> None:
    with audit.looking(MANIFEST):
        entry = _only_entry(strict_json.loads(audit.folder.read(file), file), file)
        if entry.get("Config") != config_file(image.config.digest):
            audit.error(MANIFEST, f"{file} names the config {entry.get('Config')}, not {image.config.digest}")
        if entry.get("Layers") != [layer_file(layer.blob.digest) for layer in image.layers]:
            audit.error(MANIFEST, f"{file} does not list the {len(image.layers)} layers that were written, in order")


def _look_at_tree(audit: Audit, expanded: Mapping[str, object], image: WrittenImage, depth: Depth) -> None:
    root = audit.folder.path / str(expanded["directory"])
    with audit.looking(ROOTFS):
        if not root.is_dir():
            audit.error(ROOTFS, f"{root} is not there")
        elif depth is Depth.FULL:
            owners = bool(expanded["owners"])
            layers = (audit.folder.chunks(layer_file(layer.blob.digest)) for layer in image.layers)
            evidence = Evidence(read_again(layers, devices=owners), owners, bool(expanded["xattrs"]))
            for sentence in first(differences(root, evidence)):
                audit.error(ROOTFS, f"{root}: {sentence}")


def _only_entry(manifest: object, file: str) -> dict[str, Any]:
    if isinstance(manifest, list) and len(manifest) == 1 and isinstance(manifest[0], dict):
        return manifest[0]
    raise InvalidImage(f"{file} does not describe one image")
