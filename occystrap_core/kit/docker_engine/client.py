"""The Docker Engine API, as far as images go. Podman's service speaks it too."""

from __future__ import annotations

import logging
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.distribution.connection import Timeouts
from occystrap_core.kit.distribution.failures import MAX_ERROR_BODY, server_words
from occystrap_core.kit.distribution.http import HttpClient, Response, read_capped
from occystrap_core.kit.distribution.origin import Origin, Url
from occystrap_core.kit.docker_engine.endpoint import Endpoint
from occystrap_core.kit.docker_engine.messages import error_in, messages, require_success
from occystrap_core.model import strict_json
from occystrap_core.model.errors import AccessDenied, NotFound, OccystrapError, TransferError

_HOME = Origin("http", "localhost", 80)
_ANSWERS = Timeouts(connect=10, idle=120)
_WORK = Timeouts(connect=10, idle=3600, after_upload=3600)
"""A daemon packs a whole image before it sends the first byte of it, and unpacks one before it answers."""
_IN_A_HURRY = Timeouts(connect=3, idle=3)
_GRACE_SECONDS = 3.0
_log = logging.getLogger(__name__)


class DockerClient:
    """Threads may share it. Image names are what `docker` takes; NotFound says which one is missing."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._questions = HttpClient(_HOME, _ANSWERS, endpoint.door)
        self._transfers = HttpClient(_HOME, _WORK, endpoint.door)
        self._farewells = HttpClient(_HOME, _IN_A_HURRY, endpoint.door)
        self._patience: threading.Timer | None = None

    @cached_property
    def version(self) -> Mapping[str, Any]:
        return self._json("/version", "its version")

    @property
    def is_podman(self) -> bool:
        components = self.version.get("Components")
        names = [str(one.get("Name")) for one in components or () if isinstance(one, Mapping)]
        return any("podman" in name.lower() for name in names)

    @cached_property
    def stores_in_containerd(self) -> bool:
        """Whether images are in containerd's store instead of docker's own."""
        return "io.containerd.snapshotter" in str(self._json("/info", "its state").get("DriverStatus"))

    def image_ids(self) -> list[str]:
        """The ID of every image with a name, the newest first."""
        raw = self._raw("/images/json", "the list of images")
        listed = strict_json.loads(raw, f"the list of images of {self.endpoint.name}")
        return [str(one["Id"]) for one in listed or () if isinstance(one, Mapping) and "Id" in one]

    def names(self, pattern: str) -> list[str]:
        """The names of images that fit a pattern with `*`, which stands for anything without a slash."""
        query = urlencode({"filters": strict_json.dumps({"reference": [pattern]})})
        what = "the list of images"
        listed = strict_json.loads(self._raw(f"/images/json?{query}", what), f"{what} of {self.endpoint.name}")
        images = [one for one in listed or () if isinstance(one, Mapping)]
        return [str(name) for image in images for name in image.get("RepoTags") or ()]

    def inspect(self, image: str) -> Mapping[str, Any]:
        """What the daemon knows about an image: Id, RepoTags, RootFS, Os, Architecture …"""
        return self._json(_image(image, "json"), f"image {image!r}")

    def export(self, image: str) -> Iterator[Chunk]:
        """The image as an archive, once, while the daemon makes it."""
        with self._asking(self._transfers, "GET", _image(image, "get"), f"image {image!r}") as response:
            yield from response.iter_raw()

    def load(self, archive: Iterable[bytes]) -> list[str]:
        """Send an archive; what the daemon says of it. TransferError where it does not take it."""
        headers = {"Content-Type": "application/x-tar"}
        what = "an archive to load"
        with self._asking(self._transfers, "POST", "/images/load?quiet=1", what, headers, archive) as response:
            said = messages(response.iter_raw(), self.endpoint.name)
            return require_success(said, f"{self.endpoint.name} cannot load the image")

    def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image one more name."""
        query = urlencode({"repo": repository, "tag": tag})
        self._done(self._questions, "POST", f"{_image(image, 'tag')}?{query}", f"image {image!r}")

    def untag(self, name: str) -> None:
        """Take a name away, and the image only if that was its last one and nothing else needs it.

        After `break_off` a silent daemon is waited for a few seconds only.
        """
        target, what = f"{_image(name)}?noprune=true", f"image {name!r}"
        if self._patience is None:
            try:
                self._done(self._questions, "DELETE", target, what)
                return
            except TransferError:
                if self._patience is None:  # a hurry that began meanwhile cut the question off
                    raise
        self._done(self._farewells, "DELETE", target, what)

    def push(
        self, name: str, query: Mapping[str, str], login: Mapping[str, str] | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """What the daemon says while it pushes an image; TransferError where it gives up.

        `query` has docker's `tag`, or podman's `destination` and `tlsVerify`; `login` the
        `username` and `password` of the registry.
        """
        target = f"{_image(name, 'push')}?{urlencode(query)}"
        headers = {"X-Registry-Auth": urlsafe_b64encode(strict_json.dumps(login or {})).decode()}
        with self._asking(self._transfers, "POST", target, f"image {name!r}", headers) as response:
            for message in messages(response.iter_raw(), self.endpoint.name):
                if error := error_in(message):
                    raise TransferError(f"{self.endpoint.name} cannot push {name}: {error}")
                yield message

    def interrupt(self) -> None:
        """From any thread: nobody waits for the daemon any longer."""
        self._questions.interrupt()
        self._transfers.interrupt()

    def break_off(self) -> None:
        """From any thread: what is being sent or received ends, and questions a moment later. Names may
        still be taken away."""
        self._transfers.interrupt()
        if self._patience is None:
            self._patience = threading.Timer(_GRACE_SECONDS, self._questions.interrupt)
            self._patience.daemon = True
            self._patience.start()

    def close(self) -> None:
        if self._patience:
            self._patience.cancel()
        self._farewells.close()
        self._questions.close()
        self._transfers.close()

    def _json(self, target: str, what: str) -> Mapping[str, Any]:
        return strict_json.loads_object(self._raw(target, what), f"what {self.endpoint.name} says of {what}")

    def _raw(self, target: str, what: str) -> bytes:
        with self._asking(self._questions, "GET", target, what) as response:
            return read_capped(response, strict_json.MAX_BYTES, f"what {self.endpoint.name} says of {what}")

    def _done(self, client: HttpClient, method: str, target: str, what: str) -> None:
        with self._asking(client, method, target, what) as response:
            read_capped(response, strict_json.MAX_BYTES, f"what {self.endpoint.name} answers")

    @contextmanager
    def _asking(
        self,
        client: HttpClient,
        method: str,
        target: str,
        what: str,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
    ) -> Iterator[Response]:
        with client.send(method, Url(_HOME, target), headers or {}, body) as response:
            _log.debug("%s %s: %d", method, target.partition("?")[0], response.status_code)
            if response.status_code >= 300:
                raise self._refusal(response, what)
            yield response

    def _refusal(self, response: Response, what: str) -> OccystrapError:
        try:
            words = server_words(read_capped(response, MAX_ERROR_BODY, "the answer"))
        except OccystrapError:
            words = ""
        status, name = response.status_code, self.endpoint.name
        said = f"{status}: {words}" if words else f"{status} {response.reason_phrase}".rstrip()
        if status == 404:
            return NotFound(f"{name} has no {what} ({said})")
        if status in (401, 403):
            return AccessDenied(f"{name} denies access to {what} ({said})")
        return TransferError(f"{name} answers {said}: {what}")


def _image(name: str, action: str = "") -> str:
    return f"/images/{quote(name, safe='/:@')}" + (f"/{action}" if action else "")
