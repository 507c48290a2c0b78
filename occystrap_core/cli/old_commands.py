"""The commands of earlier versions: each says its new form on stderr and runs that."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import click

from occystrap_core.cli.options import given_words
from occystrap_core.cli.session import Session

_PATH_SAFE = "/:@+~=,!$&'()*;-._ "


def _registry(given: Given) -> str:
    return f"registry://{given['registry']}/{given['image']}:{given['tag']}"


def _docker(given: Given) -> str:
    query = f"?{urlencode({'socket': given['socket']}, safe='/')}" if given["socket"] else ""
    return f"docker://{given['image']}:{given['tag']}{query}"


def _tar(given: Given) -> str:
    return f"tar://{_path(given['tarfile'])}"


def _recreated(given: Given) -> str:
    reference = urlencode({"ref": f"{given['image']}:{given['tag']}"}, safe="/:")
    return f"dir://{_path(given['path'])}?{reference}"


def _extracted(given: Given) -> str:
    wanted = {"unique_names": given["use_unique_names"], "expand": given["expand"]}
    query = "&".join(f"{name}=true" for name, value in wanted.items() if value)
    return f"dir://{_path(given['path'])}{f'?{query}' if query else ''}"


def _bundle(given: Given) -> str:
    return f"oci://{_path(given['path'])}"


def _mounts(given: Given) -> str:
    return f"mounts://{_path(given['path'])}"


def _path(text: str) -> str:
    return quote(text, safe=_PATH_SAFE)


Given = dict[str, Any]
Part = Callable[[Given], str]


@dataclass(frozen=True, slots=True)
class OldCommand:
    """`command` is the one that replaces it, `words` makes that one's arguments from the old ones."""

    arguments: tuple[str, ...]
    options: tuple[Callable[[], click.Option], ...]
    command: str
    words: Callable[[Given], tuple[str, ...]]


def _transfer(source: Part, destination: Part) -> Callable[[Given], tuple[str, ...]]:
    def words(given: Given) -> tuple[str, ...]:
        filters = ("-f", f"normalize-timestamps:ts={given['timestamp']}") if given.get("normalize_timestamps") else ()
        return (source(given), destination(given), *filters)

    return words


def _search(source: Part) -> Callable[[Given], tuple[str, ...]]:
    def words(given: Given) -> tuple[str, ...]:
        flags = [f"--{name.replace('_', '-')}" for name in ("regex", "script_friendly") if given[name]]
        return (source(given), *flags, "--", given["pattern"])

    return words


_TIMESTAMPS = (
    lambda: click.Option(["--normalize-timestamps"], is_flag=True, help="Set the time of every file."),
    lambda: click.Option(["--timestamp"], type=int, default=0, show_default=True, help="The time it is set to."),
)
_EXTRACTION = (
    lambda: click.Option(["--use-unique-names"], is_flag=True, help="Let several images share the directory."),
    lambda: click.Option(["--expand"], is_flag=True, help="Unpack the root file system, too."),
)
_MATCHING = (
    lambda: click.Option(["--regex"], is_flag=True, help="PATTERN is a regular expression."),
    lambda: click.Option(["--script-friendly"], is_flag=True, help="One line for each match."),
)
_DAEMON = (lambda: click.Option(["--socket"], default="", help="The daemon's socket; else as docker:// finds it."),)

_REMOTE, _LOCAL = ("registry", "image", "tag"), ("image", "tag")
_OLD = {
    "fetch-to-tarfile": OldCommand((*_REMOTE, "tarfile"), _TIMESTAMPS, "process", _transfer(_registry, _tar)),
    "fetch-to-extracted": OldCommand((*_REMOTE, "path"), _EXTRACTION, "process", _transfer(_registry, _extracted)),
    "fetch-to-oci": OldCommand((*_REMOTE, "path"), (), "process", _transfer(_registry, _bundle)),
    "fetch-to-mounts": OldCommand((*_REMOTE, "path"), (), "process", _transfer(_registry, _mounts)),
    "tarfile-to-extracted": OldCommand(("tarfile", "path"), _EXTRACTION, "process", _transfer(_tar, _extracted)),
    "docker-to-tarfile": OldCommand((*_LOCAL, "tarfile"), _DAEMON + _TIMESTAMPS, "process", _transfer(_docker, _tar)),
    "docker-to-extracted": OldCommand(
        (*_LOCAL, "path"), _DAEMON + _EXTRACTION, "process", _transfer(_docker, _extracted)
    ),
    "docker-to-oci": OldCommand((*_LOCAL, "path"), _DAEMON, "process", _transfer(_docker, _bundle)),
    "search-layers": OldCommand((*_REMOTE, "pattern"), _MATCHING, "search", _search(_registry)),
    "search-layers-docker": OldCommand((*_LOCAL, "pattern"), _DAEMON + _MATCHING, "search", _search(_docker)),
    "search-layers-tarfile": OldCommand(("tarfile", "pattern"), _MATCHING, "search", _search(_tar)),
    "recreate-image": OldCommand(("path", *_LOCAL, "tarfile"), _TIMESTAMPS, "process", _transfer(_recreated, _tar)),
}


def _command(name: str) -> click.Command:
    old = _OLD[name]

    @click.pass_context
    def run(context: click.Context, /, **given: Any) -> None:
        words = old.words(given)
        new = shlex.join(["occystrap", *given_words(context), old.command, *words])
        click.echo(f"{name} is an old command. Its new form is:\n  {new}", err=True)
        _run(context, old.command, words)

    arguments = [click.Argument([argument], metavar=argument.upper()) for argument in old.arguments]
    about = (
        f"An old command, kept for scripts: `occystrap {old.command}` does the same. The new form is told when it runs."
    )
    return click.Command(name, callback=run, params=[*arguments, *(option() for option in old.options)], help=about)


def _run(context: click.Context, name: str, words: tuple[str, ...]) -> None:
    session = context.find_object(Session)
    assert session is not None
    command = session.plugins.implementation(session.plugins.command_spec(name))
    with command.make_context(name, list(words), parent=context) as inner:
        command.invoke(inner)


fetch_to_tarfile = _command("fetch-to-tarfile")
fetch_to_extracted = _command("fetch-to-extracted")
fetch_to_oci = _command("fetch-to-oci")
fetch_to_mounts = _command("fetch-to-mounts")
tarfile_to_extracted = _command("tarfile-to-extracted")
docker_to_tarfile = _command("docker-to-tarfile")
docker_to_extracted = _command("docker-to-extracted")
docker_to_oci = _command("docker-to-oci")
search_layers = _command("search-layers")
search_layers_docker = _command("search-layers-docker")
search_layers_tarfile = _command("search-layers-tarfile")
recreate_image = _command("recreate-image")
