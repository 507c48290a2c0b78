"""The manifest's word about its config."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_object, as_text
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown
from occystrap_core.model.media_types import DOCKER_SCHEMA1

_WITHOUT_CONFIG = DOCKER_SCHEMA1 | {"application/vnd.oci.artifact.manifest.v1+json"}


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="config-descriptor",
        summary="the manifest names its config",
        implementation="occystrap_checks.graph.config_descriptor:ConfigDescriptor",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="The config says what to run and what the layers unpack to; a manifest that does not name one by digest "
        "cannot be run. An artifact is not run, but must name the empty config: a warning.",
        example='A manifest without "config", or with a config that has no "digest".',
        remedy="Build or push the image again; a manifest cannot be repaired without changing its digest.",
    )


class ConfigDescriptor(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        manifest = image.manifest.json or {}
        if as_text(manifest.get("mediaType")) in _WITHOUT_CONFIG or manifest.get("schemaVersion") == 1:
            return ()
        config = as_object(manifest.get("config"))
        if not config.get("digest"):
            return (_missing(image),)
        digest, size = shown(config["digest"]), shown(config.get("size"))
        return (Remark(f"the config is {digest} ({size} bytes)", severity=Severity.INFO),)


def _missing(image: ImageUnderCheck) -> Remark:
    """Nobody runs an artifact: what it lacks is a form that the specification asks for."""
    if image.is_artifact:
        return Remark("the artifact names no config, where the empty one belongs", severity=Severity.WARNING)
    return Remark("the manifest does not say the digest of its config")
