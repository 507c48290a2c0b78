"""`occystrap ls SOURCE [PATH]`: the files of an image, without a daemon."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.session import Session, pass_session

if TYPE_CHECKING:
    from occystrap_core.contracts.check import Seen
    from occystrap_core.engine.folder_listing import FolderListing, Listed

VERSION = 1
"""The version of the JSON shape. Keys are added, never renamed."""

EXAMPLES = """
occystrap ls registry://docker.io/library/busybox /bin
occystrap ls tar://app.tar -R -O json
"""
_EPOCH = datetime(1970, 1, 1)
_FILE_TYPES = {
    b"1": "h",
    b"2": "l",
    b"3": "c",
    b"4": "b",
    b"5": "d",
    b"6": "p",
}


@click.command(cls=WithPlugins, examples=EXAMPLES, kinds=("inputs",))
@click.argument("source", shell_complete=offering("inputs", "{}://"))
@click.argument("path", default="/")
@click.option("-l", "--long", is_flag=True, help="Show the time of change (UTC) and extended attributes, too.")
@click.option("-R", "--recursive", is_flag=True, help="List what is in the directories below, too.")
@pass_session
def ls(session: Session, source: str, path: str, long: bool, recursive: bool) -> None:
    """List the directory PATH (by default /) of the image at SOURCE as a container sees it.

    Mode, owner, size or device numbers, the layer it comes from (counted from 0, as info does) and path.
    """
    from occystrap_core.cli.inspecting import inspecting
    from occystrap_core.cli.rendering import without_credentials, write_json_list
    from occystrap_core.engine.folder_listing import FolderListing
    from occystrap_core.engine.merged_image import normalised, read_merged
    from occystrap_core.streams.heap import keep_freed_pages

    keep_freed_pages()
    with inspecting(session, source) as inspected:
        view, details = read_merged(inspected.source, inspected.only_image, session.settings, session.progress)
    session.progress.close()
    listing = FolderListing(view, details, normalised(os.fsencode(path)), recursive=recursive)
    if session.json:
        head = {"version": VERSION, "source": without_credentials(source)}
        write_json_list(sys.stdout, head, "entries", map(_to_json, listing))
        return
    write = sys.stdout.write
    for line in _lines(listing, long):
        write(f"{line}\n")


def _to_json(listed: Listed) -> dict[str, Any]:
    from occystrap_core.engine.matches import KINDS

    seen = listed.seen
    return {
        "path": seen.path.decode("utf-8", "surrogateescape"),
        "kind": KINDS.get(seen.kind, "unknown"),
        "mode": f"{seen.mode & 0o7777:04o}",
        "uid": seen.uid,
        "gid": seen.gid,
        "size": seen.size,
        "layer": seen.layer,
        "target": seen.linkname.decode("utf-8", "surrogateescape"),
        "mtime": listed.mtime,
        "device": listed.device,
        "xattrs": {name: value.hex() for name, value in listed.xattrs.items()},
    }


def _lines(listing: FolderListing, long: bool) -> Iterator[str]:
    """Columns are as wide as their widest cell, which takes looking at all of them first."""
    from occystrap_core.cli.rendering import safe_bytes

    widest = [3, 1, 1, 1]
    for listed in listing.in_any_order():
        for column, cell in enumerate(_cells(listed, long)):
            if len(cell) > widest[column]:
                widest[column] = len(cell)
    for listed in listing:
        seen = listed.seen
        owner, size, layer, time = _cells(listed, long)
        name = safe_bytes(seen.path)
        if seen.kind in b"12":
            name += f" {'->' if seen.kind == b'2' else 'link to'} {safe_bytes(seen.linkname)}"
        times = [time.ljust(widest[3])] if long else []
        columns = owner.ljust(widest[0]), size.rjust(widest[1]), *times, layer.rjust(widest[2])
        yield "  ".join((_mode(seen), *columns, name))
        if long:
            yield from _attributes(listed.xattrs)


def _cells(listed: Listed, long: bool) -> tuple[str, str, str, str]:
    seen, device = listed.seen, listed.device
    size = f"{device[0]},{device[1]}" if device else str(seen.size)
    return f"{seen.uid}:{seen.gid}", size, str(seen.layer), _time(listed.mtime) if long else ""


def _time(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    try:
        return str(_EPOCH + timedelta(seconds=seconds))
    except OverflowError:
        return str(seconds)


def _attributes(xattrs: Mapping[str, bytes]) -> Iterator[str]:
    """As getfattr writes them: text in quotes, what is none in hexadecimal digits."""
    from occystrap_core.cli.rendering import safe

    for name, value in sorted(xattrs.items()):
        text = value.decode("ascii", "replace")
        is_text = text.isascii() and text.isprintable() and '"' not in text
        yield f"    {safe(name)}=" + (f'"{text}"' if is_text else f"0x{value.hex()}")


def _mode(seen: Seen) -> str:
    return _FILE_TYPES.get(seen.kind, "-") + stat.filemode(seen.mode & 0o7777)[1:]
