"""`occystrap process SOURCE DESTINATION [-f FILTER]…`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.session import Session, pass_session
from occystrap_core.model.errors import UsageError

EXAMPLES = """
occystrap process registry://docker.io/library/busybox tar://busybox.tar
occystrap process tar://app.tar ocidir://images:app -f normalize-timestamps
occystrap process registry://quay.io/acme/app:1 registry://localhost:5000/app:1 --all-platforms
"""


@click.command(cls=WithPlugins, examples=EXAMPLES, kinds=("inputs", "outputs", "filters"))
@click.argument("source")
@click.argument("destination")
@click.option("-f", "--filter", "filters", multiple=True, metavar="NAME[:KEY=VALUE,…]", help="May be repeated.")
@pass_session
@click.pass_context
def process(context: click.Context, session: Session, source: str, destination: str, filters: tuple[str, ...]) -> None:
    """Take an image from SOURCE to DESTINATION, through filters in the order they are given.

    Both are URIs. Every layer is read once, whatever happens to it on its way; what nothing
    changes arrives byte for byte as it was. The result is looked at afterwards (--no-verify,
    --verify-full).
    """
    from occystrap_core.cli import opening, process_report
    from occystrap_core.contracts.filter import FilterContext
    from occystrap_core.engine.layer_cache import LayerCache
    from occystrap_core.engine.outcome import Request
    from occystrap_core.engine.process import process as run

    started = time.monotonic()
    plugins, settings = session.plugins, session.settings
    origin = opening.find_source(plugins, source)
    target = opening.find_destination(plugins, destination)
    openers = [opening.find_filter(plugins, text) for text in filters]
    if target.streamed and session.json:
        raise UsageError("the image and the JSON result cannot both go to stdout", hint="leave out -O json")
    verifiers = opening.find_verifiers(plugins, target.scheme) if session.depth else ()
    cache = session.value("layer_cache")
    opened = origin.open(settings)
    try:
        chain = tuple(opener(FilterContext(settings, opened.name())) for opener in openers)
        outcome = run(
            Request(
                source=opened,
                open_output=target.open,
                selection=session.selection,
                settings=settings,
                progress=session.progress,
                filters=chain,
                verifiers=verifiers,
                depth=session.depth,
                reopen_source=None if origin.streamed else lambda: origin.open(settings),
                reopen_destination=opening.reopener(plugins, target, settings),
                layer_cache=LayerCache(Path(cache)) if cache else None,
            )
        )
    finally:
        opened.close()
    session.progress.close()
    process_report.tell(session, outcome, source, destination, time.monotonic() - started, to_stderr=target.streamed)
    if outcome.errors:
        context.exit(1)
