"""dockerpush:// as a source."""

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import InputSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class DockerPushInputOptions:
    socket: str = option("", help="the daemon's socket file; else DOCKER_HOST, docker's context or the usual places")


@hookimpl
def occystrap_inputs() -> Iterable[InputSpec]:
    yield InputSpec(
        name="dockerpush",
        summary="an image that this machine's docker or podman daemon pushes to us, several layers at a time",
        implementation="occystrap_inputs.dockerpush.input:DockerPushInput",
        options=DockerPushInputOptions,
        grammar="dockerpush://NAME[:TAG][@DIGEST][?socket=/path]",
    )
