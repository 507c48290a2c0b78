"""The commands of earlier versions, as a plugin of their own."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import CommandSpec, hookimpl

_NEW_FORMS = {
    "fetch-to-tarfile": "process registry://… tar://…",
    "fetch-to-extracted": "process registry://… dir://…",
    "fetch-to-oci": "process registry://… oci://…",
    "fetch-to-mounts": "process registry://… mounts://…",
    "tarfile-to-extracted": "process tar://… dir://…",
    "docker-to-tarfile": "process docker://… tar://…",
    "docker-to-extracted": "process docker://… dir://…",
    "docker-to-oci": "process docker://… oci://…",
    "search-layers": "search registry://…",
    "search-layers-docker": "search docker://…",
    "search-layers-tarfile": "search tar://…",
    "recreate-image": "process dir://…?ref=… tar://…",
}


@hookimpl
def occystrap_commands() -> Iterable[CommandSpec]:
    for name, new in _NEW_FORMS.items():
        attribute = name.replace("-", "_")
        yield CommandSpec(name, f"Old: now {new}", f"occystrap_core.cli.old_commands:{attribute}")
