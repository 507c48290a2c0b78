"""tar:// as a source."""

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import InputSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class TarInputOptions:
    ref: str = option("", help="which image of the archive: a name, a digest, or a position counted from 0")


@hookimpl
def occystrap_inputs() -> Iterable[InputSpec]:
    yield InputSpec(
        name="tar",
        summary="archives that docker save, podman save, skopeo, crane, kaniko, jib and buildah write",
        implementation="occystrap_inputs.tar.input:open_input",
        options=TarInputOptions,
        grammar="tar://PATH[?ref=NAME|POSITION] (- is standard input)",
        aliases=("file",),
    )
