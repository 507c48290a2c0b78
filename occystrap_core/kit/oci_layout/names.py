"""What the files and annotations of an OCI image layout are called."""

from __future__ import annotations

from occystrap_core.model.digest import Digest

MARKER_FILE = "oci-layout"
MARKER = b'{"imageLayoutVersion":"1.0.0"}'
INDEX_FILE = "index.json"

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"


def blob_file(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"
