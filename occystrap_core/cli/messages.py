"""Single lines for a person, however progress is shown."""

from __future__ import annotations

from typing import IO

from occystrap_core.cli.rendering import YELLOW, coloured, safe


def warning(line: str, stream: IO[str]) -> str:
    return f"{coloured('Warning:', YELLOW, stream)} {safe(line)}"


def finished_line(title: str, note: str) -> str:
    return safe(f"{title}: {note or 'done'}")


def write_line(stream: IO[str], line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()
