"""Does the daemon have the image that was sent?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

from occystrap_core.contracts import Address, Depth, Finding, Severity, Where, Written, WrittenImage
from occystrap_core.contracts.options import parse_options
from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.endpoint import find_endpoint
from occystrap_core.kit.docker_engine.image_id import Wanted
from occystrap_core.kit.docker_engine.known import KnownImage, find_image
from occystrap_core.model.errors import NotFound, OccystrapError
from occystrap_outputs.docker.plugin import DockerOutputOptions

DAEMON, IMAGE, LAYER = "verify.daemon", "verify.image", "verify.layer"


class DockerVerifier:
    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        address = Address.parse(written.receipt.uri)
        options = parse_options(DockerOutputOptions, address.pairs, "docker://")
        try:
            with closing(DockerClient(find_endpoint(options.socket))) as client:
                known = find_image(client, Wanted.of(address).spellings)
        except NotFound as error:
            return [Finding(IMAGE, Severity.ERROR, str(error))]
        except OccystrapError as error:
            return [Finding(DAEMON, Severity.WARNING, f"the daemon could not be asked: {error}")]
        (image,) = written.images
        return list(_differences(known, image, depth))


def _differences(known: KnownImage, image: WrittenImage, depth: Depth) -> Iterator[Finding]:
    """Where containerd stores the images, their ID is the manifest's digest, else the config's."""
    where = Where(manifest=str(image.manifest.digest))
    if known.id not in (image.config.digest, image.manifest.digest):
        what = f"the daemon calls the image {known.id}, its config is {image.config.digest}"
        yield Finding(IMAGE, Severity.ERROR, what, where)
    if depth is Depth.FULL:
        sent = tuple(layer.diff_id for layer in image.layers)
        if known.diff_ids != sent:
            what = f"the daemon lists {len(known.diff_ids)} layers that are not the {len(sent)} that were sent"
            yield Finding(LAYER, Severity.ERROR, what, where)
