"""`occystrap unmount PATH`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from occystrap_core.cli.session import Session, pass_session
from occystrap_core.kit.rootfs.mountinfo import Mounted, mounts_below, seen_by, used_by
from occystrap_core.kit.rootfs.overlay import ROOTFS, mounted_at, require_root, unmount_overlay
from occystrap_core.kit.rootfs.workplace import abandoned, remove_at_once, remove_tree, require_no_mounts
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
    ours = directory.is_dir() and has_mounts(directory)
    if ours and remove:
        _require_nothing_else(path, directory)
    left = _take_down_what_was_left(session, directory, remove=remove)
    if ours:
        _take_down(session, path, directory, remove=remove, found_others=left)
    elif not left:
        _refuse(path, directory)


def _take_down_what_was_left(session: Session, directory: Path, *, remove: bool) -> bool:
    """Whether killed runs with this name left something that is mounted or, with `remove`, anything."""
    found = False
    for left in abandoned(directory) if directory.parent.is_dir() else ():
        mounted = mounted_at(left / ROOTFS)
        if mounted is None and not remove:
            continue
        found = True
        if mounted is not None:
            _require_nothing_on_it(left)
            unmount_overlay(left)
        if remove:
            _require_unused(left, left, mounted)
            remove_tree(left)
        session.progress.say(f"{left}, which a killed run left, is {'removed' if remove else 'unmounted'}")
    return found


def _take_down(session: Session, path: Path, directory: Path, *, remove: bool, found_others: bool) -> None:
    mounted = mounted_at(directory / ROOTFS)
    if mounted is not None:
        _require_nothing_on_it(directory)
        unmount_overlay(directory)
    else:
        _require_not_elsewhere(path, directory)
        if not (remove or found_others):
            what = f"nothing is mounted at {path / ROOTFS}; a restart takes mounts down, too"
            raise NotFound(what, hint="--remove deletes the layers")
    if remove:
        _require_unused(path, directory, mounted)
        remove_at_once(directory)
    if remove or mounted is not None:
        session.progress.say(f"{path} is {'removed' if remove else 'unmounted'}")


def _refuse(path: Path, directory: Path) -> None:
    if directory.exists():
        raise UsageError(f"{path} is no directory that mounts:// wrote")
    left = directory.parent.is_dir() and any(abandoned(directory))
    hint = "--remove deletes what a killed run left beside it" if left else ""
    raise NotFound(f"{path} does not exist", hint=hint)


def _require_nothing_else(path: Path, directory: Path) -> None:
    if others := strangers(directory):
        named = shown(os.fsencode(others[0]))
        raise UsageError(f"{path} also holds {named}, which mounts:// did not write", hint="move it away first")


def _require_nothing_on_it(directory: Path) -> None:
    if above := mounts_below(directory / ROOTFS):
        named = shown(os.fsencode(above[0]))
        raise UsageError(f"{named} is mounted inside {directory / ROOTFS}", hint="unmount it first")


def _require_not_elsewhere(path: Path, directory: Path) -> None:
    if process := seen_by(directory):
        what = f"{path / ROOTFS} is mounted in another mount namespace, that of process {process}"
        raise TransferError(what, hint=f"nsenter --mount --target {process} occystrap unmount {directory}")


def _require_unused(path: Path, directory: Path, mounted: Mounted | None) -> None:
    if mounted is not None and (process := used_by(mounted.device)):
        what = f"{path} is unmounted here, but not removed: process {process} has it mounted in another mount namespace"
        raise TransferError(what, hint="try again when that has ended")
    require_no_mounts(directory)
