"""Digests of other algorithms than sha256."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_list, as_object, as_text, descriptors, image_config
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="digest-algo-unsupported",
        summary="digests are sha256",
        implementation="occystrap_checks.graph.digest_algo_unsupported:DigestAlgoUnsupported",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="The specification allows sha512 and others, but many engines and registries cannot use them: Docker 27 "
        "cannot unpack a layer named by sha512.",
        example='{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha512:…", "size": 1234}',
        remedy="Push the image with sha256 digests.",
    )


class DigestAlgoUnsupported(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for what, where, descriptor in descriptors(document):
            algorithm = _other_algorithm(descriptor.get("digest"))
            if algorithm:
                yield Remark(f"{what} of the {document.role} is named by {algorithm}, which engines cannot use", where)
        diff_ids = as_object((image_config(document) or {}).get("rootfs")).get("diff_ids")
        for position, diff_id in enumerate(as_list(diff_ids)):
            algorithm = _other_algorithm(diff_id)
            if algorithm:
                yield Remark(f"diff_id {position + 1} of the config is a {algorithm}, which engines cannot use")


def _other_algorithm(digest: object) -> str:
    algorithm, colon, _ = as_text(digest).partition(":")
    return shown(algorithm) if colon and algorithm != "sha256" else ""
