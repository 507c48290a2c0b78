"""Secrets that were deleted too late."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING
from occystrap_core.contracts import (
    CheckContext,
    CheckSpec,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    Where,
    hookimpl,
    shown,
)
from occystrap_core.model.digest import Digest

_FORMS = (
    (b"PRIVATE KEY-----", "a private key"),
    (b"PRIVATE KEY BLOCK-----", "a private key"),
    (b"_authToken=", "an npm token"),
    (b"aws_secret_access_key", "AWS credentials"),
    (b'"auth":', "registry credentials"),
    (b"password", "a password"),
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="deleted-secret",
        summary="no deleted secret is left in a lower layer",
        implementation="occystrap_checks.filesystem.deleted_secret:DeletedSecret",
        severity=Severity.WARNING,
        needs=Needs.CONTENT,
        why="A file that a later step deletes is still in the layer that brought it: whoever pulls the image can "
        "read it there.",
        example="COPY id_rsa /app/.ssh/ and later RUN rm /app/.ssh/id_rsa",
        remedy="Revoke the secret, and build with RUN --mount=type=secret, which leaves nothing behind.",
        head=4096,
        head_of=(
            "*/id_rsa",
            "*/id_dsa",
            "*/id_ecdsa",
            "*/id_ed25519",
            "*/.netrc",
            "*/.npmrc",
            "*/.pypirc",
            "*/.git-credentials",
            "*/.dockercfg",
            "*/.aws/credentials",
            "*/.docker/config.json",
            "*.pem",
            "*.key",
            "*.ppk",
        ),
    )


class DeletedSecret(Examination):
    """`_found` are the secrets in each blob: path and what it is."""

    def __init__(self, context: CheckContext) -> None:
        super().__init__(context)
        self._found: dict[Digest, list[tuple[bytes, str]]] = {}

    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Secrets(self._found)

    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        end = len(view.facts)
        for layer in image.layers:
            found = self._found.get(layer.descriptor.digest, ()) if layer.descriptor else ()
            places = _places(view, layer.position, {path for path, _ in found})
            for path, what in found:
                if view.below(end, places.get(path, path)) is None:
                    message = f"{shown(path)} looks like {what}; it is deleted, and still in this layer"
                    yield Remark(message, Where(layer=layer.position, entry=shown(path)))


def _places(view: View, layer: int, paths: set[bytes]) -> dict[bytes, bytes]:
    """Where those are that a symlink led elsewhere."""
    return {written: there for written, there in view.moved(layer) if written in paths} if paths else {}


class Secrets(LayerExamination):
    def __init__(self, found: dict[Digest, list[tuple[bytes, str]]]) -> None:
        self._found = found
        self._here: list[tuple[bytes, str]] = []

    def head(self, entry: Entry, data: bytes) -> Iterable[Remark]:
        for form, what in _FORMS:
            if form in data:
                self._here.append((entry.path, what))
                break
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if facts.layer.descriptor:
            self._found[facts.layer.descriptor.digest] = self._here
        return NOTHING
