"""Bytes put aside on disk until they are needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from types import TracebackType

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import TemporaryFileError
from occystrap_core.streams.reading import reading

_PIECE = 256 << 10


class Spool:
    """A temporary file without a name: nothing is left of it when the process dies.

    Written by one thread; what is written may be read at once, by any number of readers on
    any threads. A full disk is a TemporaryFileError that names the directory.
    """

    __slots__ = ("_directory", "_file", "size")

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        try:
            self._file = tempfile.TemporaryFile(buffering=0, dir=directory)  # noqa: SIM115 - the spool is the context
        except OSError as error:
            raise self._failure(error) from error
        self.size = 0

    def write(self, chunk: Chunk) -> None:
        write = self._file.write
        left = memoryview(chunk)
        try:
            while len(left):
                left = left[write(left) :]
        except OSError as error:
            raise self._failure(error) from error
        self.size += len(chunk)

    def _failure(self, error: OSError) -> TemporaryFileError:
        directory = self._directory or (tempfile.tempdir or "")
        return TemporaryFileError(error.errno, error.strerror or str(error), str(directory) or None)

    def fill(self, chunks: Iterable[Chunk]) -> None:
        with reading(chunks) as incoming:
            for chunk in incoming:
                self.write(chunk)

    def chunks(self, start: int = 0) -> Generator[bytes, None, None]:
        """The content from `start` on; every call reads anew."""
        descriptor = self._file.fileno()
        while piece := os.pread(descriptor, _PIECE, start):
            yield piece
            start += len(piece)

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
