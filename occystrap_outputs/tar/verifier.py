"""Is the archive what was meant? It is opened again and compared with what was written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing

from occystrap_core.contracts import Address, Depth, Finding, Severity, Where, Written
from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.forms import ArchiveForm, DockerSave, OciArchive
from occystrap_core.kit.docker_archive.members import Member
from occystrap_core.kit.docker_archive.saved import MANIFEST_FILE, saved_images
from occystrap_core.kit.docker_archive.target import STANDARD_OUTPUT
from occystrap_core.kit.oci_layout.index import LayoutIndex
from occystrap_core.kit.oci_layout.names import INDEX_FILE
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OccystrapError, describe_os_error
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression, layer_compression
from occystrap_core.streams.codec import inflate
from occystrap_core.streams.verified import Measured

TARBALL, MANIFEST, CONFIG, LAYER = "verify.tarball", "verify.manifest", "verify.config", "verify.layer"


class TarVerifier:
    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        path = Address.parse(written.receipt.uri).path()
        if (path.exists() and not path.is_file()) or path == STANDARD_OUTPUT:
            where = "standard output" if path == STANDARD_OUTPUT else str(path)
            yield Finding(TARBALL, Severity.INFO, f"what was written to {where} cannot be read again")
            return
        try:
            archive = Archive.open(path, written.settings.temp_dir)
        except (OccystrapError, OSError) as error:
            yield _error(TARBALL, f"the archive cannot be opened again: {_text(error)}")
            return
        with closing(archive):
            yield from _ArchiveCheck(archive, written).findings(depth)


class _ArchiveCheck:
    """`_documents` and `_layers` are what the archive must have, by member name."""

    def __init__(self, archive: Archive, written: Written) -> None:
        self._archive = archive
        self._written = written
        self._form = _form(written)
        self._documents: dict[str, bytes] = {}
        self._layers: dict[str, list[tuple[int, SealedLayer]]] = defaultdict(list)
        for image in written.images:
            for position, layer in enumerate(image.layers):
                self._layers[self._form.member_name(layer.blob, layer)].append((position, layer))
        for document in written.documents:
            self._documents.update(self._form.documents(document))
        self._closing = dict(self._form.closing(written.receipt.root))

    def findings(self, depth: Depth) -> Iterator[Finding]:
        yield from self._tarball()
        yield from self._closing_documents()
        for name, content in self._documents.items():
            yield from self._document(name, content)
        for name, layers in self._layers.items():
            yield from self._layer(name, layers, depth)
        if depth is Depth.FULL:
            yield from self._configs()

    def _tarball(self) -> Iterator[Finding]:
        counts = Counter(member.name for member in self._archive.members.listed)
        wanted = {*self._documents, *self._layers, *self._closing}
        for name in sorted(wanted - counts.keys()):
            yield _error(TARBALL, f"{name} is missing")
        for name in sorted(counts.keys() - wanted):
            yield _error(TARBALL, f"{name} does not belong there")
        for name, count in counts.items():
            if count > 1:
                yield _error(TARBALL, f"{name} is there {count} times")

    def _closing_documents(self) -> Iterator[Finding]:
        """The lists of contents are parsed, not only compared: they must mean the image."""
        for name, content in self._closing.items():
            if self._read(name) != content:
                yield _error(MANIFEST, f"{name} does not say what it should")
        try:
            if self._form.format == "docker":
                yield from self._saved_image()
            else:
                yield from self._layout_entry()
        except OccystrapError as error:
            yield _error(MANIFEST, str(error))

    def _saved_image(self) -> Iterator[Finding]:
        images = saved_images(self._read(MANIFEST_FILE) or b"", MANIFEST_FILE)
        layers = sum(len(image.layers) for image in images)
        expected = sum(len(image.layers) for image in self._written.images)
        if len(images) != 1 or layers != expected:
            yield _error(MANIFEST, f"it lists {len(images)} images with {layers} layers, not one with {expected}")
        for image in images:
            for name in (image.config, *image.layers):
                if name not in self._archive.members:
                    yield _error(MANIFEST, f"it names {name}, which is not there")

    def _layout_entry(self) -> Iterator[Finding]:
        index = LayoutIndex.parse(self._read(INDEX_FILE) or b"", INDEX_FILE)
        root = self._written.receipt.root
        if [(entry.digest, entry.size) for entry in index.entries] != [(root.digest, root.size)]:
            yield _error(MANIFEST, f"{INDEX_FILE} does not list {root.digest} alone")

    def _document(self, name: str, content: bytes) -> Iterator[Finding]:
        found = self._read(name)
        if found is not None and found != content:
            yield _error(CONFIG, f"{name} has other content than was written ({len(found)} bytes, not {len(content)})")

    def _layer(self, name: str, layers: list[tuple[int, SealedLayer]], depth: Depth) -> Iterator[Finding]:
        position, layer = layers[0]
        member = self._archive.members.layer(name) if name in self._archive.members else None
        if member is None:
            return
        if member.size not in {each.blob.size for _, each in layers}:
            yield _error(LAYER, f"{name} is {member.size} bytes long, not {layer.blob.size}", position)
        elif depth is Depth.FULL and not all(each.blob.digest in self._written.read_back for _, each in layers):
            fitting = next((place, each) for place, each in layers if each.blob.size == member.size)
            yield from self._content(member, *fitting)

    def _content(self, member: Member, position: int, layer: SealedLayer) -> Iterator[Finding]:
        stored = Measured(self._archive.chunks(member), layer.blob.digest.algorithm)
        named = layer.diff_id or layer.blob.digest
        compression = layer_compression(layer.blob.media_type) or Compression.NONE
        plain = Measured(inflate(stored, compression), named.algorithm)
        try:
            for _ in plain:
                pass
        except OccystrapError as error:
            yield _error(LAYER, f"{member.name} cannot be read: {error}", position)
            return
        if stored.digest != layer.blob.digest:
            yield _error(LAYER, f"{member.name} has the digest {stored.digest}, not {layer.blob.digest}", position)
        if layer.source.is_tar and layer.diff_id and plain.digest != layer.diff_id:
            yield _error(LAYER, f"{member.name} unpacks to {plain.digest}, not {layer.diff_id}", position)

    def _configs(self) -> Iterator[Finding]:
        for image in self._written.images:
            if image.source.is_artifact:
                continue
            rootfs = image.config.json.get("rootfs") or {}
            claimed = [Digest.parse(diff_id) for diff_id in rootfs.get("diff_ids") or ()]
            if claimed != [layer.diff_id for layer in image.layers]:
                yield _error(CONFIG, f"config {image.config.digest.short} lists other diff_ids than its layers have")

    def _read(self, name: str) -> bytes | None:
        try:
            return self._archive.document(name)
        except OccystrapError:
            return None  # a name that stands twice was reported with the tarball


def _form(written: Written) -> ArchiveForm:
    make = OciArchive if written.receipt.details.get("format") == OciArchive.format else DockerSave
    return make(written.receipt.name)


def _error(check: str, message: str, layer: int | None = None) -> Finding:
    return Finding(check, Severity.ERROR, message, Where(layer=layer))


def _text(error: OccystrapError | OSError) -> str:
    return describe_os_error(error) if isinstance(error, OSError) else str(error)
