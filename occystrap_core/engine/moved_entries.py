"""Whether what the newest layers say about a path may be about another: below a symlink of an older layer."""

from __future__ import annotations

from collections.abc import Mapping, Set

from occystrap_core.contracts.check import Seen
from occystrap_core.contracts.entry import DIRECTORY
from occystrap_core.engine.layer_records import LayerRecords

_ROOT = hash(b"")


def may_be_moved(layers: Mapping[int, LayerRecords], names: Set[bytes], found: Seen | None) -> bool:
    """Whether a layer has any of the `names` that a search came by in a directory that it has no entry for:
    that one is a symlink, perhaps. Or it has something in the place of what was found."""
    if any(_may_move(records, names) for records in layers.values()):
        return True
    if found is None or found.kind == DIRECTORY:
        return False
    return any(layer > found.layer and _is_folder(records, found.path) for layer, records in layers.items())


def _may_move(records: LayerRecords, names: Set[bytes]) -> bool:
    folders = {_ROOT, *(records.keys[number] for number in records.of_kinds(DIRECTORY))}
    for start, end, folder in records.rows():
        if not _are_folders(folder, folders) and any(
            records.path(number).rpartition(b"/")[2] in names for number in range(start, end)
        ):
            return True
    for path in records.whiteouts:
        folder, _, name = path.rpartition(b"/")
        if name in names and not _are_folders(folder, folders):
            return True
    return not all(_are_folders(path, folders) for path, _ in records.opaque)


def _are_folders(path: bytes, folders: Set[int]) -> bool:
    """Whether there are entries for a directory and all above it."""
    while path and hash(path) in folders:
        path = path.rpartition(b"/")[0]
    return not path


def _is_folder(records: LayerRecords, path: bytes) -> bool:
    return any(folder == path or folder.startswith(path + b"/") for _, folder in records.folders())
