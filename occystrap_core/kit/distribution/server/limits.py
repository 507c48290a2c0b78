"""What a client may ask of a server of ours."""

from __future__ import annotations

from dataclasses import dataclass

from occystrap_core.model.strict_json import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, seconds and counts.

    head_bytes, head_lines   of a request, its first line included
    head_seconds             from a request's first byte to the end of its head; for the TLS handshake too
    idle_seconds             between two requests of a connection, and for each `least_bytes` of a body
    document_bytes           of a manifest
    connections              at a time; one that waits for a request makes room for a new one
    uploads                  unfinished ones at a time
    upload_seconds           until an upload that nobody goes on with is forgotten
    upload_bytes             of all unfinished uploads together; None is what the disk holds
    """

    head_bytes: int = 32 * 1024
    head_lines: int = 100
    head_seconds: float = 10.0
    idle_seconds: float = 60.0
    least_bytes: int = 4 * 1024
    document_bytes: int = MAX_BYTES
    connections: int = 256
    uploads: int = 256
    upload_seconds: float = 600.0
    upload_bytes: int | None = None
