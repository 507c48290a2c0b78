"""`occystrap ls SOURCE [PATH]`: the files of an image, without a daemon."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.session import Session, pass_session
from occystrap_core.contracts.check import Seen

VERSION = 1
"""The version of the JSON shape. Keys are added, never renamed."""

EXAMPLES = """
occystrap ls registry://docker.io/library/busybox /bin
occystrap ls tar://app.tar -R -O json
"""
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
@click.option("-R", "--recursive", is_flag=True, help="List what is in the directories below, too.")
@pass_session
def ls(session: Session, source: str, path: str, recursive: bool) -> None:
    """List the directory PATH of the image at SOURCE as a container sees it.

    Mode, owner, size, the layer it comes from (counted from 0, as info does) and path.
    """
    from occystrap_core.cli.inspecting import inspecting
    from occystrap_core.cli.rendering import without_credentials, write_json_list
    from occystrap_core.engine.folder_listing import FolderListing
    from occystrap_core.engine.merged_image import normalised, read_merged
    from occystrap_core.streams.heap import keep_freed_pages

    keep_freed_pages()
    with inspecting(session, source) as inspected:
        view = read_merged(inspected.source, inspected.only_image, session.settings, session.progress)
    session.progress.close()
    listing = FolderListing(view, normalised(os.fsencode(path)), recursive=recursive)
    if session.json:
        head = {"version": VERSION, "source": without_credentials(source)}
        write_json_list(sys.stdout, head, "entries", map(_to_json, listing))
    else:
        for line in _lines(listing):
            click.echo(line)


def _to_json(seen: Seen) -> dict[str, Any]:
    from occystrap_core.engine.matches import KINDS

    return {
        "path": seen.path.decode("utf-8", "surrogateescape"),
        "kind": KINDS.get(seen.kind, "unknown"),
        "mode": f"{seen.mode & 0o7777:04o}",
        "uid": seen.uid,
        "gid": seen.gid,
        "size": seen.size,
        "layer": seen.layer,
        "target": seen.linkname.decode("utf-8", "surrogateescape"),
    }


def _lines(listing: Iterable[Seen]) -> Iterator[str]:
    """Twice through the listing: columns are as wide as their widest cell."""
    from occystrap_core.cli.rendering import safe_bytes

    widths = (0, 0, 0)
    for seen in listing:
        owner, size, layer = map(len, _columns(seen))
        widths = max(widths[0], owner), max(widths[1], size), max(widths[2], layer)
    for seen in listing:
        owner_text, *numbers = _columns(seen)
        name = safe_bytes(seen.path)
        if seen.kind in b"12":
            name += f" {'->' if seen.kind == b'2' else 'link to'} {safe_bytes(seen.linkname)}"
        cells = [text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True)]
        yield "  ".join([_mode(seen), owner_text.ljust(widths[0]), *cells, name])


def _columns(seen: Seen) -> tuple[str, str, str]:
    return f"{seen.uid}:{seen.gid}", str(seen.size), str(seen.layer)


def _mode(seen: Seen) -> str:
    return _FILE_TYPES.get(seen.kind, "-") + stat.filemode(seen.mode & 0o7777)[1:]
