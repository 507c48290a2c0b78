"""docker:// as a source."""

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import InputSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class DockerInputOptions:
    socket: str = option("", help="the daemon's socket file; else DOCKER_HOST, docker's context or the usual places")


@hookimpl
def occystrap_inputs() -> Iterable[InputSpec]:
    yield InputSpec(
        name="docker",
        summary="an image in a docker or podman daemon",
        implementation="occystrap_inputs.docker.input:DockerInput",
        options=DockerInputOptions,
        grammar="docker://NAME[:TAG][@DIGEST][?socket=/path]",
    )
