"""What one run of the command line knows: its options, its plugins, and how it talks.

A command of a plugin gets it from click:

    @click.command()
    @click.argument("image")
    @pass_session
    def sign(session: Session, image: str) -> None: ...
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from occystrap_core.cli.options import VALUES
from occystrap_core.model.errors import UsageError

if TYPE_CHECKING:
    from occystrap_core.cli.progress import ClosableProgress
    from occystrap_core.contracts.settings import Settings
    from occystrap_core.contracts.verifier import Depth
    from occystrap_core.discovery.catalog import Catalog
    from occystrap_core.discovery.manager import Plugins
    from occystrap_core.engine.selection import Selection


class Session:
    """Everything is made when it is first asked for: help asks for next to nothing."""

    def __init__(self, arguments: list[str]) -> None:
        # These decide which commands there are and must be known before click knows the command.
        self._no_plugins = "--no-plugins" in arguments
        self.strict_plugins = "--strict-plugins" in arguments
        self.debug = "--debug" in arguments
        self._progress: ClosableProgress | None = None
        self._stop_logs: Callable[[], None] = _nothing

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._progress is not None:
            self._progress.close()
        self._stop_logs()

    @cached_property
    def catalog(self) -> Catalog:
        from occystrap_core.discovery.catalog import Catalog
        from occystrap_core.discovery.index import load_index
        from occystrap_core.discovery.policy import ONLY_BUILT_INS, load_policy

        policy = load_policy()
        return Catalog(load_index(), policy.narrowed(ONLY_BUILT_INS) if self._no_plugins else policy)

    @cached_property
    def plugins(self) -> Plugins:
        from occystrap_core.discovery.manager import Plugins

        return Plugins(self.catalog, strict=self.strict_plugins, warn=self.warn)

    @property
    def progress(self) -> ClosableProgress:
        if self._progress is None:
            from occystrap_core.cli.logs import send_logs_to
            from occystrap_core.cli.progress import progress_on

            self._progress = progress_on(sys.stderr, quiet=self.value("quiet"), verbose=self.verbose)
            self._stop_logs = send_logs_to(self._progress, verbose=self.verbose, debug=self.debug)
        return self._progress

    def warn(self, text: str) -> None:
        self.progress.warn(text)

    @property
    def verbose(self) -> bool:
        return bool(self.value("verbose") or self.debug)

    @property
    def quiet(self) -> bool:
        return bool(self.value("quiet"))

    @property
    def json(self) -> bool:
        return bool(self.value("output_format") == "json")

    def value(self, name: str) -> Any:
        """A global option as it was given last, or its default."""
        return click.get_current_context().meta[VALUES].get(name)

    def given(self, name: str) -> bool:
        return name in click.get_current_context().meta.get(f"{VALUES}.given", ())

    @cached_property
    def settings(self) -> Settings:
        """The global options as plugins read them."""
        from pathlib import Path

        from occystrap_core.contracts.settings import Settings
        from occystrap_core.model.media_types import Compression

        compression, temp_dir = self.value("compression"), self.value("temp_dir")
        return Settings(
            platform=self.selection.platforms[0],
            username=self.value("username") or "",
            password=self._password(),
            insecure=self.value("insecure"),
            compression=Compression(compression) if compression else None,
            parallel=self.value("parallel"),
            retries=self.value("retries"),
            rate_limit=self.value("rate_limit") or None,
            temp_dir=Path(temp_dir) if temp_dir else None,
        )

    @cached_property
    def selection(self) -> Selection:
        """The platforms that are asked for."""
        from occystrap_core.engine.selection import Selection
        from occystrap_core.model.platform import Platform

        named = [name for name in ("os", "architecture", "variant") if self.given(name)]
        several, everything = self.value("platform"), self.value("all_platforms")
        ways = [*(["platform"] if several else ()), *(["all-platforms"] if everything else ()), *named[:1]]
        if len(ways) > 1:
            raise UsageError(f"--{ways[0]} and --{ways[1]} cannot both be given")
        parts = [self.value("os"), self.value("architecture"), self.value("variant")]
        texts = several or ["/".join(part for part in parts if part)]
        return Selection(tuple(dict.fromkeys(map(Platform.parse, texts))), everything, explicit=bool(several or named))

    @property
    def depth(self) -> Depth | None:
        """How closely a result is looked at; None for not at all."""
        from occystrap_core.contracts.verifier import Depth

        if self.value("verify_full"):
            return Depth.FULL
        return Depth.QUICK if self.value("verify") else None

    def _password(self) -> str:
        if not self.value("password_stdin"):
            return self.value("password") or ""
        if self.given("password") and self.value("password"):
            raise UsageError("--password and --password-stdin cannot both be given")
        if not (line := sys.stdin.readline()):
            raise UsageError("no password came from standard input")
        return line.rstrip("\r\n")


def _nothing() -> None:
    pass


pass_session = click.make_pass_decorator(Session)
