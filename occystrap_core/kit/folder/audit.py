"""Looking at files that were written, for the verifiers of directory outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from occystrap_core.contracts.finding import Finding, Severity, Where
from occystrap_core.contracts.verifier import Depth
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.folder.checked import digest_and_size
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OccystrapError, describe_os_error

WHOLE = Where()


class Audit:
    """Gathers what is wrong with the files of one destination. Those of `read_back` need not be read."""

    def __init__(self, folder: Folder, depth: Depth, read_back: Collection[Digest] = ()) -> None:
        self.folder = folder
        self.findings: list[Finding] = []
        self._depth = depth
        self._read_back = read_back

    @contextmanager
    def looking(self, check: str, where: Where = WHOLE) -> Iterator[None]:
        """What the destination does not have, or has damaged, is an error; what cannot be read, a warning."""
        try:
            yield
        except OccystrapError as error:
            self.error(check, error.message, where)
        except OSError as error:
            self.findings.append(Finding(check, Severity.WARNING, describe_os_error(error), where))

    def error(self, check: str, message: str, where: Where = WHOLE) -> None:
        self.findings.append(Finding(check, Severity.ERROR, message, where, "write the image again"))

    def file(self, check: str, name: str, size: int, digest: Digest, where: Where) -> None:
        """The size; the digest as well where every byte is to be read."""
        with self.looking(check, where):
            if self._depth is Depth.QUICK or digest in self._read_back:
                found, found_size = digest, self.folder.size(name)
            else:
                found, found_size = digest_and_size(self.folder, name, digest.algorithm)
            if found_size != size:
                self.error(check, f"{self.folder}/{name} is {found_size} bytes, {size} were written", where)
            elif found != digest:
                self.error(check, f"{self.folder}/{name} has the digest {found}, not {digest}", where)

    def exact(self, check: str, name: str, content: bytes) -> None:
        """A small file, byte for byte."""
        with self.looking(check):
            if self.folder.read(name) != content:
                self.error(check, f"{self.folder}/{name} is not what was written")
