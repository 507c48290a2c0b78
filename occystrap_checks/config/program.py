"""The program that a container of an image starts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from occystrap_checks.lenient import as_bytes, as_text, as_texts, run_settings
from occystrap_core.contracts import ImageUnderCheck, Seen, View
from occystrap_core.model.value import value

_LONGEST_SETTING = 128 << 10
"""What Linux starts no program with."""

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@value
class Program:
    """`searched` when the name has no slash and was looked for on PATH."""

    name: str
    searched: bool
    seen: Seen | None


def program_of(image: ImageUnderCheck, view: View) -> Program | None:
    """None where the image starts nothing by itself."""
    run = run_settings(image.config)
    command = _arguments(run.get("Entrypoint")) + _arguments(run.get("Cmd"))
    if not command or not command[0]:
        return None
    name = command[0]
    if "/" in name:
        folder = as_text(run.get("WorkingDir")) or "/"
        return Program(name, False, at(view, posixpath.join("/", folder, name)))
    return Program(name, True, on_path(image, view, name))


def at(view: View, path: str) -> Seen | None:
    return view.follow(as_bytes(path.strip("/")))


def on_path(image: ImageUnderCheck, view: View, name: str) -> Seen | None:
    """The first of this name that can be run, or else the first of this name."""
    found = [seen for folder in _path(image) if (seen := at(view, f"{folder}/{name}")) is not None]
    return next((seen for seen in found if seen.mode & 0o111), found[0] if found else None)


def _path(image: ImageUnderCheck) -> Iterator[str]:
    env = dict(entry.partition("=")[::2] for entry in as_texts(run_settings(image.config).get("Env")))
    path = env.get("PATH") or _DEFAULT_PATH
    for folder in dict.fromkeys(path[:_LONGEST_SETTING].split(":")):
        if folder.startswith("/"):
            yield folder


def _arguments(found: object) -> list[str]:
    """`[""]` is how docker resets a command."""
    arguments = as_texts(found)
    return [] if arguments == [""] else arguments
