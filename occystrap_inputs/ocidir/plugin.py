"""`ocidir://` as a source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import InputSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class LayoutInputOptions:
    ref: str = option("", help="the image's name or digest; the whole address is then the path")


@hookimpl
def occystrap_inputs() -> Iterable[InputSpec]:
    yield InputSpec(
        name="ocidir",
        summary="an image in an OCI image layout, as skopeo (oci:), umoci and podman write it",
        implementation="occystrap_inputs.ocidir.input:LayoutInput",
        options=LayoutInputOptions,
        grammar="ocidir://PATH[:TAG|@DIGEST]",
    )
