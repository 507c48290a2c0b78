"""Names that pushes which were killed have left in a docker daemon."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Mapping
from typing import Any

from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.model.errors import OccystrapError

ADDRESS = "127.0.0.1"
REPOSITORY = "occystrap"
TAG = "push"
_NAME = re.compile(re.escape(ADDRESS) + r":([0-9]{1,5})/" + re.escape(f"{REPOSITORY}:{TAG}"))
_log = logging.getLogger(__name__)


def remove_abandoned_names(client: DockerClient) -> None:
    """Take away the names of pushes to ports that nobody listens on.

    Only for a daemon that is known to share our 127.0.0.1: the ports of another one cannot be
    seen from here. What cannot be done is left to the next run.
    """
    try:
        for name in client.names(f"{ADDRESS}:*/{REPOSITORY}:{TAG}"):
            _remove(client, name)
    except OccystrapError as error:
        _log.debug("the names that earlier runs left were not looked for: %s", error)


def _remove(client: DockerClient, name: str) -> None:
    found = _NAME.fullmatch(name)
    if not found or not _is_free(int(found[1])):
        return
    try:
        if _has_another_name(client.inspect(name), name):
            client.untag(name)
            _log.debug("removed %s, which a run that was killed has left", name)
        else:
            _log.info("%s stays: the image has no other name, and would be deleted with it", name)
    except OccystrapError as error:
        _log.debug("%s stays: %s", name, error)


def _has_another_name(inspected: Mapping[str, Any], name: str) -> bool:
    """Whether docker keeps the image without `name`, and without the digests that go with it."""
    repository = name.removesuffix(f":{TAG}")
    tags = set(map(str, inspected.get("RepoTags") or ())) - {name}
    return bool(tags) or any(not str(each).startswith(f"{repository}@") for each in inspected.get("RepoDigests") or ())


def _is_free(port: int) -> bool:
    """Whether no server has the port: whoever pushes beside us listens before it gives its name."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except (OSError, OverflowError):
            return False
    return True
