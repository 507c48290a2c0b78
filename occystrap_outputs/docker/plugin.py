"""docker:// as a destination, and what looks at the result."""

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import OutputSpec, VerifierSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class DockerOutputOptions:
    socket: str = option("", help="the daemon's socket file; else DOCKER_HOST, docker's context or the usual places")


@hookimpl
def occystrap_outputs() -> Iterable[OutputSpec]:
    yield OutputSpec(
        name="docker",
        summary="an image in a docker or podman daemon",
        implementation="occystrap_outputs.docker.output:open_output",
        options=DockerOutputOptions,
        grammar="docker://NAME[:TAG][?socket=/path]",
    )


@hookimpl
def occystrap_verifiers() -> Iterable[VerifierSpec]:
    yield VerifierSpec(
        name="docker",
        summary="the daemon has the image under its name, with the config and layers that were sent",
        implementation="occystrap_outputs.docker.verifier:DockerVerifier",
        schemes=("docker",),
    )
