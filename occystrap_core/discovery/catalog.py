"""The catalog: the index as the policy lets it be used, asked by kind and name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from occystrap_core.discovery.entry_points import Row, plugin_name
from occystrap_core.discovery.index import Index
from occystrap_core.discovery.policy import BUILT_IN, Policy
from occystrap_core.model.errors import PluginError, UnknownName, UsageError

ACTIVE, BLOCKED, CONFLICT = "active", "blocked", "conflict"
WORDS = {
    "inputs": "source scheme",
    "outputs": "destination scheme",
    "filters": "filter",
    "checks": "check",
    "verifiers": "verifier",
    "commands": "command",
}
_COUNTERPART = {"inputs": ("outputs", "written to, not read from"), "outputs": ("inputs", "read from, not written to")}


class Offer(NamedTuple):
    """An entry point and whether it may be used; `reason` says why not."""

    row: Row
    state: str
    reason: str = ""


class Catalog:
    def __init__(self, index: Index, policy: Policy) -> None:
        self.index = index
        self.offers = tuple(_approved(index.rows, policy))

    def names(self, kind: str) -> tuple[str, ...]:
        """What may be asked for: one name each, sorted."""
        return tuple(sorted({offer.row.name for offer in self._of(kind) if offer.state == ACTIVE}))

    def rows(self, kind: str) -> tuple[Row, ...]:
        """Everything of a kind that may be used. Raises PluginError while a name is disputed."""
        for offer in self._of(kind):
            if offer.state == CONFLICT:
                raise _conflict(offer)
        return tuple(offer.row for offer in self._of(kind) if offer.state == ACTIVE)

    def row(self, kind: str, name: str) -> Row:
        """Who answers for `name`. Raises UnknownName, or PluginError for what must not be used."""
        found = [offer for offer in self._of(kind) if offer.row.name == plugin_name(name)]
        for offer in found:
            if offer.state == ACTIVE:
                return offer.row
        for offer in found:
            raise _conflict(offer) if offer.state == CONFLICT else _blocked(offer)
        raise self._unknown(kind, name)

    def _of(self, kind: str) -> list[Offer]:
        return [offer for offer in self.offers if offer.row.kind == kind]

    def _unknown(self, kind: str, name: str) -> UsageError:
        if not any(row.distribution == BUILT_IN for row in self.index.rows):
            return UsageError(
                "occystrap is not installed in this Python, so none of its parts are known",
                hint="install it, for example with: pip install -e .",
            )
        return UnknownName(f"unknown {word(kind)} {name!r}", hint=self._advice(kind, name))

    def _advice(self, kind: str, name: str) -> str:
        other, words = _COUNTERPART.get(kind, ("", ""))
        if other and plugin_name(name) in self.names(other):
            return f"it can be {words}; the {word(kind)}s are {', '.join(self.names(kind))}"
        return suggestion(name, self.names(kind), f"the {word(kind)}s are")


def word(kind: str) -> str:
    return WORDS.get(kind, kind)


def suggestion(name: str, known: tuple[str, ...], introduction: str) -> str:
    import difflib  # only a mistake needs it

    close = difflib.get_close_matches(plugin_name(name), known, n=1)
    listing = f"{introduction} {', '.join(known)}" if known else "nothing of that kind is installed"
    return f"did you mean {close[0]!r}? {listing}" if close else listing


def _approved(rows: Iterable[Row], policy: Policy) -> Iterable[Offer]:
    welcome: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        refusal = policy.refusal(row)
        if refusal:
            yield Offer(row, BLOCKED, refusal)
        else:
            welcome.setdefault((row.group, row.name), []).append(row)
    for rivals in welcome.values():
        yield from _settled(rivals, policy)


def _settled(rivals: list[Row], policy: Policy) -> Iterable[Offer]:
    preferred = policy.preferred(rivals[0])
    if len(rivals) == 1:
        yield Offer(rivals[0], ACTIVE)
    elif any(row.distribution == preferred for row in rivals):
        for row in rivals:
            chosen = row.distribution == preferred
            yield Offer(row, ACTIVE) if chosen else Offer(row, BLOCKED, f"{preferred} is preferred")
    else:
        both = " and ".join(row.provider for row in rivals)
        yield from (Offer(row, CONFLICT, f"{word(row.kind)} {row.name!r} is offered by {both}") for row in rivals)


def _conflict(offer: Offer) -> PluginError:
    row = offer.row
    return PluginError(
        offer.reason,
        hint=f'say which one: prefer = {{ "{row.kind}:{row.name}" = "{row.distribution}" }} '
        "under [plugins] in ~/.config/occystrap/config.toml",
    )


def _blocked(offer: Offer) -> PluginError:
    row = offer.row
    return PluginError(f"{word(row.kind)} {row.name!r} of {row.provider} may not be used: {offer.reason}")
