"""`occystrap ls SOURCE [PATH]`: the files of an image, without a daemon."""

from __future__ import annotations

import os
import stat
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
    from occystrap_core.cli.rendering import as_json, without_credentials
    from occystrap_core.engine.merged_image import listed, normalised, read_merged
    from occystrap_core.streams.heap import keep_freed_pages

    keep_freed_pages()
    with inspecting(session, source) as inspected:
        view = read_merged(inspected.source, inspected.only_image, session.settings, session.progress)
    session.progress.close()
    found = listed(view, normalised(os.fsencode(path)), recursive=recursive)
    if session.json:
        entries = [_to_json(seen) for seen in found]
        click.echo(as_json({"version": VERSION, "source": without_credentials(source), "entries": entries}))
        return
    for line in _lines(found):
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


def _lines(found: list[Seen]) -> list[str]:
    from occystrap_core.cli.rendering import safe_bytes

    rows = [(_mode(seen), f"{seen.uid}:{seen.gid}", str(seen.size), str(seen.layer)) for seen in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for seen, (mode, owner, size, layer) in zip(found, rows, strict=True):
        name = safe_bytes(seen.path)
        if seen.kind in b"12":
            name += f" {'->' if seen.kind == b'2' else 'link to'} {safe_bytes(seen.linkname)}"
        columns = (mode, owner.ljust(widths[1]), size.rjust(widths[2]), layer.rjust(widths[3]), name)
        lines.append("  ".join(columns))
    return lines


def _mode(seen: Seen) -> str:
    return _FILE_TYPES.get(seen.kind, "-") + stat.filemode(seen.mode & 0o7777)[1:]
