"""An opened archive: its bytes and its members."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.archive_file import ArchiveFile, open_archive_file
from occystrap_core.kit.docker_archive.members import Member, Members
from occystrap_core.kit.docker_archive.scan import scan_members
from occystrap_core.model.errors import InvalidImage, LimitExceeded
from occystrap_core.model.strict_json import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Archive:
    """Its headers are read once; bodies only when they are asked for."""

    file: ArchiveFile
    members: Members

    @classmethod
    def open(cls, path: Path, temp_dir: Path | None = None) -> Archive:
        """Of a file, or of standard input for `-`; the archive may be compressed as a whole."""
        file = open_archive_file(path, temp_dir)
        try:
            return cls(file, Members(scan_members(file), file.what))
        except BaseException:
            file.close()
            raise

    @property
    def what(self) -> str:
        return self.file.what

    def document(self, name: str) -> bytes | None:
        """All of a small member, None where there is none of this name."""
        member = self.members.file(name)
        return self.content(member) if member else None

    def required(self, name: str, because: str) -> bytes:
        raw = self.document(name)
        if raw is None:
            raise InvalidImage(f"{self.what} has no {name!r}, which {because}")
        return raw

    def content(self, member: Member, limit: int = MAX_BYTES) -> bytes:
        if member.size > limit:
            raise LimitExceeded(f"{self.what}: {member.name!r} is {member.size} bytes long; the limit is {limit}")
        return self.file.read(member.offset, member.size)

    def head(self, member: Member, count: int) -> bytes:
        return self.file.read(member.offset, min(count, member.size))

    def chunks(self, member: Member) -> Iterator[Chunk]:
        return self.file.chunks(member.offset, member.size)

    def close(self) -> None:
        self.file.close()
