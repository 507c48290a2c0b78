"""Loading an image into a daemon."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from urllib.parse import quote

from occystrap_core.contracts import Address, Chunk, OutputContext, OutputTraits, Receipt, Slot, Staged
from occystrap_core.kit.docker_archive.writer import Announced, ArchiveWriter, StagedMember
from occystrap_core.kit.docker_engine.archive_form import DaemonArchive
from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.endpoint import find_endpoint
from occystrap_core.kit.docker_engine.image_id import named
from occystrap_core.kit.docker_engine.load_target import LoadTarget
from occystrap_core.kit.docker_engine.sharing import layers_there
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer, SealedLayer
from occystrap_core.model.media_types import Compression, layer_compression
from occystrap_core.model.reference import Reference
from occystrap_outputs.docker.plugin import DockerOutputOptions


def open_output(address: Address, options: DockerOutputOptions, context: OutputContext) -> DockerOutput:
    reference = named(address)
    client = DockerClient(find_endpoint(options.socket))
    try:
        _ = client.version  # a daemon that is not there is noticed before anything is fetched for it
    except BaseException:
        client.close()
        raise
    writer = ArchiveWriter(LoadTarget(client.load), context.settings.temp_dir)
    return DockerOutput(reference, options.socket, client, writer)


class DockerOutput:
    """The daemon makes the image visible when it has read all of the archive, at commit()."""

    traits = OutputTraits(
        (Compression.NONE, Compression.GZIP), changed=Compression.NONE, holds_indexes=False, holds_artifacts=False
    )

    def __init__(self, reference: Reference, socket: str, client: DockerClient, writer: ArchiveWriter) -> None:
        self._reference = reference
        self._socket = socket
        self._client = client
        self._writer = writer
        self._form = DaemonArchive(reference)
        self._there: dict[Digest, int] = {}

    def notes(self) -> tuple[str, ...]:
        note = self._client.endpoint.note
        return (note,) if note else ()

    def cannot_modify_reason(self) -> str:
        return ""

    def announce(self, image: Image) -> None:
        """Find out which layers the daemon has in the same place."""
        blobs = [layer.descriptor for layer in image.layers]
        count = layers_there(self._client, list(takewhile(self._goes_as_it_is, image.layers)))
        while {blob.digest for blob in blobs[:count]} & {blob.digest for blob in blobs[count:]}:
            count -= 1  # a blob that is also wanted in another place is sent
        self._there = {blob.digest: blob.size for blob in blobs[:count]}
        self._writer.begin_at(count)

    def _goes_as_it_is(self, layer: Layer) -> bool:
        return layer_compression(layer.descriptor.media_type) in self.traits.compressions

    def holds(self, digest: Digest) -> int | None:
        return self._there.get(digest)

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> StagedMember:
        blob = slot.expected
        announced = Announced(self._form.announced(blob), blob.size) if blob else None
        return self._writer.stage(chunks, slot.order, announced)

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        assert isinstance(staged, StagedMember)
        self._writer.keep(staged, self._form.member_name(blob, layer))

    def discard(self, staged: Staged) -> None:
        assert isinstance(staged, StagedMember)
        self._writer.discard(staged)

    def put_document(self, document: Document) -> None:
        for name, content in self._form.documents(document):
            self._writer.add(name, content)

    def commit(self, root: Descriptor) -> Receipt:
        for member, content in self._form.closing(root):
            self._writer.add(member, content)
        self._writer.finish()
        self._client.close()
        name = self._reference.name
        query = f"?socket={quote(self._socket)}" if self._socket else ""
        details = {"daemon": self._client.endpoint.location}
        return Receipt("docker", f"docker://{name}{query}", name, root, details)

    def interrupt(self) -> None:
        self._client.interrupt()

    def abort(self) -> None:
        """The daemon is cut off, whatever it is waiting for: what it has by then is no archive."""
        self._client.interrupt()
        self._writer.abort()
        self._client.close()
