"""`occystrap unmount PATH`."""

from __future__ import annotations

from pathlib import Path

import click

from occystrap_core.cli.session import Session, pass_session
from occystrap_core.kit.rootfs.overlay import ROOTFS, mounted_at, require_root, unmount_overlay
from occystrap_core.kit.rootfs.workplace import remove_tree
from occystrap_core.model.errors import NotFound
from occystrap_outputs.mounts.contents import is_mounts


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--remove", is_flag=True, help="Delete the directory with its layers, too.")
@pass_session
def unmount(session: Session, path: Path, remove: bool) -> None:
    """Take down the overlay that mounts:// has mounted in PATH; the layers stay."""
    require_root()
    if not path.is_dir() or not is_mounts(path):
        raise NotFound(f"{path} is no directory that mounts:// wrote")
    if mounted_at(path / ROOTFS) is None:
        if not remove:
            raise NotFound(f"nothing is mounted at {path / ROOTFS}")
    else:
        unmount_overlay(path)
    if remove:
        remove_tree(path)
    session.progress.say(f"{path} is {'removed' if remove else 'unmounted'}")
