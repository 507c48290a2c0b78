"""The options that say by which rules an image is judged, for every command that judges."""

from __future__ import annotations

from typing import Any, TypeVar

import click

from occystrap_core.model.value import value

_F = TypeVar("_F")

_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--select", {"metavar": "IDS", "multiple": True, "help": "Only these rules, separated by commas."}),
    ("--ignore", {"metavar": "IDS", "multiple": True, "help": "All rules but these."}),
    ("--severity", {"metavar": "ID=LEVEL", "multiple": True, "help": "Another severity for a rule. May be repeated."}),
    (
        "--fail-on",
        {
            "type": click.Choice(["error", "warning"]),
            "help": "The least severity that makes the exit code 1.  [default: error]",
        },
    ),
    (
        "--targets",
        {"metavar": "ENGINES", "default": "", "help": 'Engines the image must work on: "docker>=20.10,podman>=4".'},
    ),
)


@value
class JudgedBy:
    """What these options say, as they were written."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    fail_on: str | None = None
    targets: str = ""

    @property
    def level(self) -> str:
        return self.fail_on or "error"

    @property
    def given(self) -> str:
        """The first of the options that was given."""
        values = (self.select, self.ignore, self.severity, self.fail_on, self.targets)
        return next((name for (name, _), found in zip(_OPTIONS, values, strict=True) if found), "")


def rule_options(command: _F) -> _F:
    """Declares them; they come as --help is to list them."""
    for name, how in reversed(_OPTIONS):
        command = click.option(name, **how)(command)  # type: ignore[type-var]  # click says any callable
    return command
