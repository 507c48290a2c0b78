"""`occystrap plugins`: what is installed, who offers it, and what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from occystrap_core.cli.rendering import as_json, safe
from occystrap_core.cli.session import Session, pass_session
from occystrap_core.cli.tables import table
from occystrap_core.discovery import listing
from occystrap_core.model.errors import UnknownName

VERSION = 1
"""The version of the JSON shape of `info`. Keys are added, never renamed."""


@click.group()
def plugins() -> None:
    """List plugins, and describe them."""


@plugins.command("list")
@pass_session
def list_(session: Session) -> None:
    """Every scheme, filter, check, verifier and command, who offers it, and whether it may run.

    Nothing is imported for it. A name that two distributions offer is a conflict until
    ~/.config/occystrap/config.toml says who is preferred.
    """
    found = listing.as_json(session.catalog)
    if session.json:
        click.echo(as_json(found))
        return
    rows = [
        (each["kind"], each["name"], f"{each['distribution']} {each['version']}", each["state"], each["reason"])
        for each in listing.entries(session.catalog)
    ]
    explained = any(reason for *_, reason in rows)
    width = 5 if explained else 4
    click.echo(table(("Kind", "Name", "Distribution", "State", "Reason")[:width], [row[:width] for row in rows]))


@plugins.command()
@click.argument("name")
@pass_session
def info(session: Session, name: str) -> None:
    """What the plugins called NAME do, and the options they take."""
    described = list(_described(session, name))
    if session.json:
        click.echo(as_json({"version": VERSION, "plugins": described}))
        return
    click.echo("\n\n".join(_as_text(each) for each in described))


def _described(session: Session, name: str) -> Iterator[dict[str, Any]]:
    from occystrap_core.discovery.catalog import ACTIVE, suggestion
    from occystrap_core.discovery.entry_points import plugin_name
    from occystrap_core.discovery.manager import SPECS

    offers = [offer for offer in session.catalog.offers if offer.row.name == plugin_name(name)]
    kinds = [offer.row.kind for offer in offers if offer.state == ACTIVE and offer.row.kind in SPECS]
    if not kinds:
        for offer in offers:
            session.catalog.row(offer.row.kind, name)
        known = tuple(sorted({offer.row.name for offer in session.catalog.offers}))
        raise UnknownName(f"no plugin is called {name!r}", hint=suggestion(name, known, "there are"))
    for kind in kinds:
        row = session.catalog.row(kind, name)
        spec = session.plugins.spec(row)
        yield {
            "kind": kind,
            "name": spec.name,
            "aliases": list(spec.aliases),
            "summary": spec.summary,
            "grammar": getattr(spec, "grammar", ""),
            "schemes": list(getattr(spec, "schemes", ())),
            "distribution": row.distribution,
            "version": row.version,
            "module": row.module,
            "implementation": spec.implementation,
            "api": spec.api,
            "options": _options(spec),
        }


def _options(spec: Any) -> list[dict[str, Any]]:
    from occystrap_core.contracts.options import describe

    schema = getattr(spec, "options", None)
    return [asdict(option) for option in describe(schema)] if schema else []


def _as_text(each: dict[str, Any]) -> str:
    lines = [f"{each['kind'].removesuffix('s')} {each['name']}: {each['summary']}"]
    lines.append(f"  from    {each['distribution']} {each['version']}, {each['implementation']}")
    for label, value in (
        ("usage", each["grammar"]),
        ("also", ", ".join(each["aliases"])),
        ("for", ", ".join(f"{scheme}://" for scheme in each["schemes"])),
    ):
        if value:
            lines.append(f"  {label:7} {value}")
    shown = "\n".join(map(safe, lines))
    if not each["options"]:
        return shown
    rows = [
        (
            ", ".join((option["name"].replace("_", "-"), *option["aliases"])),
            option["type"],
            "required" if option["required"] else _default(option["default"]),
            option["help"],
        )
        for option in each["options"]
    ]
    return f"{shown}\n{table(('Option', 'Type', 'Default', 'Meaning'), rows)}"


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
