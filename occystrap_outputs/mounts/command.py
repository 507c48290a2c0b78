"""`occystrap unmount PATH`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from occystrap_core.cli.session import Session, pass_session
from occystrap_core.kit.rootfs.mountinfo import Mounted, mounts_below, seen_by, used_by
from occystrap_core.kit.rootfs.overlay import ROOTFS, mounted_at, require_root, unmount_overlay
from occystrap_core.kit.rootfs.workplace import remove_at_once, require_no_mounts
from occystrap_core.model.errors import NotFound, TransferError, UsageError
from occystrap_core.model.shown import shown
from occystrap_outputs.mounts.contents import has_mounts, strangers


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--remove", is_flag=True, help="Delete the directory with its layers, too.")
@pass_session
def unmount(session: Session, path: Path, remove: bool) -> None:
    """Take down the overlay that mounts:// has mounted in PATH; the layers stay."""
    require_root()
    directory = Path(os.path.realpath(path))
    _require_ours(path, directory)
    if remove:
        _require_nothing_else(path, directory)
    mounted = mounted_at(directory / ROOTFS)
    if mounted is not None:
        _require_nothing_on_it(directory)
        unmount_overlay(directory)
    else:
        _not_here(path, directory, remove=remove)
    if remove:
        _remove(path, directory, mounted)
    session.progress.say(f"{path} is {'removed' if remove else 'unmounted'}")


def _require_ours(path: Path, directory: Path) -> None:
    if not directory.exists():
        raise NotFound(f"{path} does not exist")
    if not directory.is_dir() or not has_mounts(directory):
        raise UsageError(f"{path} is no directory that mounts:// wrote")


def _require_nothing_else(path: Path, directory: Path) -> None:
    if others := strangers(directory):
        named = shown(os.fsencode(others[0]))
        raise UsageError(f"{path} also holds {named}, which mounts:// did not write", hint="move it away first")


def _require_nothing_on_it(directory: Path) -> None:
    if above := mounts_below(directory / ROOTFS):
        named = shown(os.fsencode(above[0]))
        raise UsageError(f"{named} is mounted inside {directory / ROOTFS}", hint="unmount it first")


def _not_here(path: Path, directory: Path, *, remove: bool) -> None:
    if process := seen_by(directory):
        what = f"{path / ROOTFS} is mounted in another mount namespace, that of process {process}"
        raise TransferError(what, hint=f"nsenter --mount --target {process} occystrap unmount {directory}")
    if not remove:
        what = f"nothing is mounted at {path / ROOTFS}; a restart takes mounts down, too"
        raise NotFound(what, hint="--remove deletes the layers")


def _remove(path: Path, directory: Path, mounted: Mounted | None) -> None:
    if mounted is not None and (process := used_by(mounted.device)):
        what = f"{path} is unmounted here, but not removed: process {process} has it mounted in another mount namespace"
        raise TransferError(what, hint="try again when that has ended")
    require_no_mounts(directory)
    remove_at_once(directory)
