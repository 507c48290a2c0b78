"""What of a layer lands elsewhere than it is written."""

from __future__ import annotations

from collections.abc import Mapping

from occystrap_core.engine.packed_paths import PackedPaths


class Moves:
    """`rows` are entries by number, from and to, with the folder they land in; `links` are targets of hard
    links. Of whiteouts and small files' contents all are here, moved or not."""

    def __init__(self, contents: Mapping[bytes, bytes]) -> None:
        self.is_any = False
        self.rows: list[tuple[int, int, bytes]] = []
        self.links: dict[int, bytes] = {}
        self.whiteouts = PackedPaths()
        self.opaque: list[tuple[bytes, int]] = []
        self.contents = dict(contents)

    def add_row(self, start: int, end: int, folder: bytes, landed: bytes) -> None:
        if landed != folder and start < end:
            self.rows.append((start, end, landed))
            self.is_any = True

    def add_link(self, number: int, target: bytes, landed: bytes) -> None:
        if landed != target:
            self.links[number] = landed
            self.is_any = True

    def add_content(self, path: bytes, landed: bytes) -> None:
        if path in self.contents:
            self.contents[landed] = self.contents.pop(path)

    def add_whiteout(self, path: bytes, landed: bytes) -> None:
        self.whiteouts.append(landed)
        self.is_any |= landed != path

    def add_opaque(self, path: bytes, before: int, landed: bytes) -> None:
        self.opaque.append((landed, before))
        self.is_any |= landed != path
