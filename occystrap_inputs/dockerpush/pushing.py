"""Having a daemon push an image to a registry that exists for this push only."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from occystrap_core.kit.certificates import self_signed, server_context
from occystrap_core.kit.distribution.server import BasicGate, DistributionApi, DistributionServer, PushedImages
from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.known import KnownImage
from occystrap_core.model.document import Document
from occystrap_core.model.errors import NotFound, OccystrapError, TransferError, UsageError
from occystrap_inputs.dockerpush.abandoned import ADDRESS, REPOSITORY, TAG, remove_abandoned_names

_USER = "occystrap"
_log = logging.getLogger(__name__)

Login = Mapping[str, str]
Said = Generator[Mapping[str, Any], None, None]


def receive_push(client: DockerClient, image: KnownImage, store: PushedImages, temp_dir: Path | None) -> Document:
    """The manifest or index of `image`, all of which is in `store` then. Nothing else is left of the push.

    Docker trusts every registry on 127.0.0.1, but some versions of it want TLS nevertheless.
    The password keeps other users of this machine from pushing something else meanwhile.
    """
    _require_name(client, image)
    login = {"username": _USER, "password": token_urlsafe()}
    tls = server_context(self_signed((ADDRESS,)))
    gate = BasicGate({_USER: login["password"]})
    server = DistributionServer(DistributionApi(store, directory=temp_dir), tls=tls, gate=gate)
    # Docker notes the digest of what it has pushed beside the name: the server goes before the name does.
    with _named(client, image, f"{server.host}/{REPOSITORY}") as repository, server:
        try:
            _follow(_pushing(client, image, repository, login), server)
        except TransferError as error:
            _explain(error, server)
            raise
    if not client.is_podman:
        remove_abandoned_names(client)
    pushed = store.manifest(REPOSITORY, TAG)
    if pushed is None:
        raise TransferError(f"{client.endpoint.name} says that {image.spelling} is pushed, and has sent no manifest")
    return pushed


def _follow(said: Said, server: DistributionServer) -> None:
    """A daemon tries again and again where our disk is full: that is for us to end."""
    with closing(said) as messages:
        for message in messages:
            _log.debug("%s", message)
            if server.failure:
                raise server.failure
    if server.failure:
        raise server.failure


def _pushing(client: DockerClient, image: KnownImage, repository: str, login: Login) -> Said:
    if client.is_podman:
        query = {"destination": f"{repository}:{TAG}", "tlsVerify": "false"}
        yield from client.push(image.spelling, query, login)
    else:
        yield from client.push(repository, {"tag": TAG}, login)


def _require_name(client: DockerClient, image: KnownImage) -> None:
    if not (client.is_podman or image.has_name):
        raise UsageError(
            f"{image.spelling} has no name, and docker would delete it with the one it needs to be pushed",
            hint="give it a name with docker tag, or use docker://",
        )


@contextmanager
def _named(client: DockerClient, image: KnownImage, repository: str) -> Iterator[str]:
    """One more name for an image: docker pushes to where a name says, and nowhere else."""
    if client.is_podman:
        yield repository
        return
    try:
        client.tag(image.spelling, repository, TAG)
        yield repository
    except BaseException as error:
        if not isinstance(error, OccystrapError):
            client.break_off()  # who interrupts does not want to wait for a daemon that is silent
        raise
    finally:
        _unname(client, f"{repository}:{TAG}")


def _unname(client: DockerClient, name: str) -> None:
    try:
        client.untag(name)
    except NotFound:
        _log.debug("%s is gone already", name)
    except OccystrapError as error:
        _log.warning("the temporary name %s is left behind: %s", name, error)


def _explain(error: TransferError, server: DistributionServer) -> None:
    if server.failure:
        raise server.failure from error
    if not server.was_reached:
        error.hint = "a daemon on another machine, or in a virtual one, cannot push to this one: use docker://"
    elif not server.has_answered:
        error.hint = "it does not trust a certificate made just now: use docker://"
