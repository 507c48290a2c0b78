"""Which plugins may run: what the configuration, the environment and the command line say.

    [plugins]
    block = ["acme-reverse"]                          # distributions that must not run
    allow = ["acme-labels"]                           # besides the built-ins only these may
    prefer = { "inputs:registry" = "acme-registry" }  # who answers where two offer one name

The system's file is read first, and what it says a user's file cannot undo.
`OCCYSTRAP_PLUGINS=a,b` leaves the built-ins and these; empty, the built-ins alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from occystrap_core.discovery.entry_points import Row, distribution_name, plugin_name
from occystrap_core.model.errors import UsageError

BUILT_IN = "occystrap"
SYSTEM_FILE = "/etc/occystrap/config.toml"
VARIABLE = "OCCYSTRAP_PLUGINS"


class Policy(NamedTuple):
    """`allow` is None where every distribution is welcome. `prefer` goes from kind:name to a distribution."""

    block: frozenset[str] = frozenset()
    allow: frozenset[str] | None = None
    prefer: Mapping[str, str] = {}

    def refusal(self, row: Row) -> str:
        """Why this entry point must not be used; empty where it may."""
        if row.distribution == BUILT_IN:
            return ""
        if row.distribution in self.block:
            return f"{row.distribution} is blocked"
        if self.allow is not None and row.distribution not in self.allow:
            return f"{row.distribution} is not among the allowed plugins"
        return ""

    def preferred(self, row: Row) -> str:
        """The distribution that answers for this row's name where several could, or empty."""
        return self.prefer.get(f"{row.kind}:{row.name}", "")

    def narrowed(self, other: Policy) -> Policy:
        """Both policies at once: blocked by either is blocked, and our preferences win."""
        allow = other.allow if self.allow is None else self.allow if other.allow is None else self.allow & other.allow
        return Policy(self.block | other.block, allow, {**other.prefer, **self.prefer})


ONLY_BUILT_INS = Policy(allow=frozenset())


def load_policy(files: Iterable[str] | None = None) -> Policy:
    """The policy of the configuration files, the strongest first, and of the environment."""
    policy = Policy()
    for file in config_files() if files is None else files:
        policy = policy.narrowed(_from_file(file))
    wanted = os.environ.get(VARIABLE)
    return policy if wanted is None else policy.narrowed(Policy(allow=_distributions(wanted.split(","))))


def config_files() -> tuple[str, ...]:
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return SYSTEM_FILE, os.path.join(home, "occystrap", "config.toml")


def _from_file(file: str) -> Policy:
    try:
        with open(file, "rb") as opened:
            raw = opened.read()
    except (FileNotFoundError, NotADirectoryError):
        return Policy()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    table = _table(raw, file).get("plugins", {})
    return _policy(table, f"{file}: [plugins]")


def _table(raw: bytes, file: str) -> dict[str, Any]:
    import tomllib  # most runs have no configuration to read

    try:
        return tomllib.loads(raw.decode())
    except ValueError as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from None


def _policy(table: object, where: str) -> Policy:
    if not isinstance(table, dict):
        raise UsageError(f"{where} must be a table")
    unknown = sorted(table.keys() - {"block", "allow", "prefer"})
    if unknown:
        raise UsageError(f"{where} has no key {unknown[0]!r}", hint="its keys are block, allow and prefer")
    allow = _names(table["allow"], f"{where} allow") if "allow" in table else None
    return Policy(_names(table.get("block", []), f"{where} block"), allow, _preferences(table.get("prefer", {}), where))


def _names(value: object, where: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise UsageError(f'{where} must be a list of distributions, for example ["acme-reverse"]')
    return _distributions(value)


def _distributions(names: Iterable[str]) -> frozenset[str]:
    return frozenset(distribution_name(name) for name in names if name.strip())


def _preferences(value: object, where: str) -> Mapping[str, str]:
    example = 'for example { "inputs:registry" = "acme-registry" }'
    if not isinstance(value, dict):
        raise UsageError(f"{where} prefer must be a table", hint=example)
    preferences = {}
    for key, distribution in value.items():
        kind, colon, name = key.partition(":")
        if not colon or not isinstance(distribution, str):
            raise UsageError(f"{where} prefer: {key!r} must be kind:name and name a distribution", hint=example)
        preferences[f"{kind.strip()}:{plugin_name(name)}"] = distribution_name(distribution)
    return preferences
