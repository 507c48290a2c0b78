"""Opening the destination of a run."""

from __future__ import annotations

from occystrap_core.contracts.output import Output, OutputContext
from occystrap_core.engine.outcome import Request
from occystrap_core.model.errors import UsageError, attributed
from occystrap_core.model.image import Image, Index


def open_destination(request: Request) -> Output:
    traits = request.source.traits
    with attributed("source"):
        context = OutputContext(request.settings, request.source.name(), traits.origin)
    with attributed("destination"):
        output = request.open_output(context)
        target = output.traits.file
        if traits.file and target and target.exists() and target.samefile(traits.file):
            raise UsageError(f"{target} is the source itself", hint="write to another file")
    return output


def require_room_for(tree: Image | Index, output: Output) -> None:
    if isinstance(tree, Index) and not output.traits.holds_indexes:
        raise UsageError(
            "it holds one image, not an index of several platforms",
            side="destination",
            hint="choose one with --platform, or write to ocidir://, registry:// or tar://…?format=oci",
        )
