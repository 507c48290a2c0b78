"""A blob that is sent on while it arrives, and kept aside in case that fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from occystrap_core.contracts import Chunk
from occystrap_core.kit.distribution.client import RegistryClient
from occystrap_core.kit.distribution.failures import Transient
from occystrap_core.kit.distribution.upload import Spent
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import DigestMismatch
from occystrap_core.streams.spool import Spool


class PassingBlob:
    """`chunks` go into `spool` whatever happens to the upload; what they raise is raised."""

    def __init__(self, chunks: Iterable[Chunk], spool: Spool, blob: Descriptor) -> None:
        self._chunks = iter(chunks)
        self._spool = spool
        self._blob = blob
        self._source_failure: BaseException | None = None

    def send(self, client: RegistryClient) -> bool:
        """Whether the registry has it now; where not, `spool` holds all of it for another attempt."""
        try:
            client.put_passing_blob(self._blob.digest, self._blob.size, self._kept_aside())
        except Transient as error:
            if not self._source_failure:
                self._spool.fill(self._chunks)
                if not isinstance(error, Spent):
                    client.await_retry(error)
                return False
        finally:
            # What the source raised comes back through the upload, in other words.
            if self._source_failure:
                raise self._source_failure from None
        return True

    def _kept_aside(self) -> Iterator[bytes]:
        spool, size = self._spool, self._blob.size
        try:
            for chunk in self._chunks:
                spool.write(chunk)
                if spool.size > size:
                    break
                # A view is as good as bytes to whoever sends it on at once.
                yield cast("bytes", chunk)
            if spool.size != size:
                # The length was announced: more or less would put the connection out of step.
                raise DigestMismatch(f"the blob {self._blob.digest} is not the {size} bytes long that it should be")
        except GeneratorExit:
            raise
        except BaseException as error:
            self._source_failure = error
            raise
