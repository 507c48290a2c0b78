"""What to say of a path that an image does not have: who deleted it, or what is called almost the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.model.errors import NotFound
from occystrap_core.model.shown import shown

_MOST_NAMES = 20_000
_ALIKE = 0.6


def not_found(path: bytes, layers: Iterable[LayerRecords], is_there: Callable[[bytes], bool]) -> NotFound:
    """`layers` are those that were read; `is_there` says whether a path is in the image."""
    known = list(layers)
    return NotFound(f"the image has no {shown(path)}", hint=_deleted(path, known) or _alike(path, known, is_there))


def _deleted(path: bytes, layers: list[LayerRecords]) -> str:
    parts = path.split(b"/")
    ways = {b"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    culprits = [(records.layer, whiteout) for records in layers for whiteout in records.whiteouts if whiteout in ways]
    if not culprits:
        return ""
    layer, whiteout = max(culprits)
    return f"layer {layer} deletes {'it' if whiteout == path else shown(b'/' + whiteout)}"


def _alike(path: bytes, layers: list[LayerRecords], is_there: Callable[[bytes], bool]) -> str:
    from difflib import get_close_matches  # only who errs waits for it

    folder, name, rest = _first_missing(path, is_there)
    names = {each.decode("latin-1") for each in _names_in(folder, layers)}
    for match in get_close_matches(name.decode("latin-1"), names, 3, _ALIKE):
        found = folder + match.encode("latin-1")
        for candidate in (found + rest, found):
            if is_there(candidate):
                return f"did you mean {shown(b'/' + candidate)}?"
    return ""


def _first_missing(path: bytes, is_there: Callable[[bytes], bool]) -> tuple[bytes, bytes, bytes]:
    """The folder that is there, with its slash; the name in it that is not; what was asked for below that."""
    parts = path.split(b"/")
    depth = 0
    while depth < len(parts) - 1 and is_there(b"/".join(parts[: depth + 1])):
        depth += 1
    folder = b"".join(part + b"/" for part in parts[:depth])
    return folder, parts[depth], b"".join(b"/" + part for part in parts[depth + 1 :])


def _names_in(folder: bytes, layers: list[LayerRecords]) -> set[bytes]:
    names: set[bytes] = set()
    for records in layers:
        for start, end, row in records.rows():
            if row + b"/" == folder or not (row or folder):
                names.update(records.path(number).rpartition(b"/")[2] for number in range(start, end))
            elif row.startswith(folder):
                names.add(row[len(folder) :].partition(b"/")[0])
            if len(names) > _MOST_NAMES:
                return names
    return names
