"""Every built-in destination keeps the output contract, and its source the input contract."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from occystrap_core.testing.conformance import check_input, check_output
from occystrap_core.testing.conformance.reading import tree_of
from tests.builtins.parts import open_destination, open_source, reopen


def file_bytes(path: Path) -> Callable[[], object]:
    return lambda: path.read_bytes() if path.exists() else None


def shown_in(directory: Path) -> Callable[[], object]:
    """The files that are there under a final name: staging folders and locks begin with a dot."""

    def shown() -> object:
        tree = tree_of(directory).items()
        return {name: content for name, (kind, content) in tree if kind == "file" and "/." not in f"/{name}"}

    return shown


@pytest.mark.parametrize(
    ("query", "exact"),
    [
        ("", False),
        ("?compression=gzip", False),
        ("?format=oci", True),
        ("?format=oci&compression=zstd", True),
    ],
)
def test_tar(tmp_path, query, exact):
    archive = tmp_path / "image.tar"
    uri = f"tar://{archive}{query}"
    check_output(
        lambda: open_destination(uri),
        reopen=reopen,
        visible=file_bytes(archive),
        stored=lambda: tree_of(tmp_path),
        exact=exact,
    )


@pytest.mark.parametrize("query", ["", "?compression=zstd", "?format=source"])
def test_ocidir(tmp_path, query):
    uri = f"ocidir://{tmp_path / 'layout'}:latest{query}"
    check_output(
        lambda: open_destination(uri), reopen=reopen, visible=shown_in(tmp_path), stored=lambda: tree_of(tmp_path)
    )


@pytest.mark.parametrize("query", ["", "?unique_names=true"])
def test_dir(tmp_path, query):
    uri = f"dir://{tmp_path / 'images'}{query}"
    check_output(
        lambda: open_destination(uri),
        reopen=reopen,
        visible=shown_in(tmp_path),
        stored=lambda: tree_of(tmp_path),
        exact=False,
    )


@pytest.mark.parametrize("query", ["", "?format=oci&compression=zstd"])
def test_registry(registry, query):
    name = registry.fresh("conformance")

    def tags() -> object:
        try:
            with urllib.request.urlopen(f"{registry.url}/v2/{name}/tags/list", timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    uri = f"registry://{registry.host}/{name}:latest{query}"
    check_output(lambda: open_destination(uri), reopen=reopen, visible=tags)


@pytest.mark.parametrize(
    "destination",
    ["tar://{}/image.tar", "tar://{}/image.tar?format=oci", "ocidir://{}/layout:latest", "dir://{}/images"],
)
def test_what_it_wrote_is_a_source(tmp_path, run_cli, destination):
    uri = destination.format(tmp_path)
    done = run_cli("process", "sample://", uri)
    assert done.returncode == 0, done.stderr
    check_input(lambda: open_source(uri.partition("?")[0]), untouched=tmp_path)


def test_what_a_registry_took_is_a_source(registry, run_cli):
    uri = f"registry://{registry.host}/{registry.fresh('conformance')}:latest"
    done = run_cli("process", "sample://", uri)
    assert done.returncode == 0, done.stderr
    check_input(lambda: open_source(uri))
