"""Names of images, read as docker reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import UsageError
from occystrap_core.model.reference import Reference

DIGEST = f"sha256:{'0123456789abcdef' * 4}"

hosts = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?){1,3}", fullmatch=True),
    st.just("localhost"),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
ports = st.one_of(st.just(""), st.integers(1, 65535).map(lambda port: f":{port}"))
names = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}(/[a-z0-9]{1,8}){0,3}", fullmatch=True)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)
endings = st.one_of(
    tags.map(lambda tag: f":{tag}"), st.just(f"@{DIGEST}"), tags.map(lambda tag: f":{tag}@{DIGEST}"), st.just("")
)


@given(hosts, ports, names, endings)
def test_what_is_written_is_read_back(host: str, port: str, name: str, ending: str) -> None:
    reference = Reference.located(f"{host}{port}/{name}{ending}")
    assert Reference.parse(str(reference)) == reference
    assert Reference.located(str(reference)) == reference


@given(names, endings)
def test_the_familiar_name_means_the_same_image(name: str, ending: str) -> None:
    reference = Reference.parse(f"docker.io/{name}{ending}")
    assert Reference.parse(f"{reference.familiar}{ending}") == reference


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_a_usage_error(text: str) -> None:
    for read in (Reference.parse, Reference.located):
        try:
            reference = read(text)
        except UsageError:
            continue
        assert str(reference).isascii() and str(reference).isprintable()


@given(st.text(alphabet="abz019._-/:@[]A ", max_size=30))
def test_text_like_references_never_gives_a_name_outside_the_grammar(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except UsageError:
        return
    assert ".." not in reference.repository and "//" not in reference.repository
    assert reference.repository == reference.repository.lower().strip("/")
    assert reference.tag or reference.digest


def _container_libs_vectors(fixtures: Path) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads(
        (fixtures / "containers+container-libs/reference_vectors.json").read_text()
    )
    return vectors


def test_agrees_with_the_vectors_of_container_libs(fixtures_dir: Path) -> None:
    for vector in _container_libs_vectors(fixtures_dir):
        read = Reference.located if vector["domain"] else Reference.parse
        if vector["expect"] == "invalid":
            with pytest.raises(UsageError):
                read(vector["input"])
            continue
        reference = read(vector["input"])
        assert reference.digest == (Digest.parse(vector["digest"]) if vector["digest"] else None)
        assert reference.tag == (vector["tag"] or ("" if vector["digest"] else "latest"))
        if vector["domain"]:
            assert reference.registry == vector["domain"]
        if vector["repository"]:
            assert reference.familiar == vector["repository"]


def test_agrees_with_the_vectors_of_regclient(fixtures_dir: Path) -> None:
    vectors = json.loads((fixtures_dir / "regclient+regclient/ref_vectors.json").read_text())
    checked = 0
    for vector in vectors:
        if vector["expect"] == "invalid":
            with pytest.raises(UsageError):
                Reference.parse(vector["ref"])
        elif vector["scheme"] == "reg":
            found = Reference.parse(vector["ref"])
            digest = str(found.digest or "")
            expected = tuple(vector[key] for key in ("registry", "repository", "tag", "digest"))
            assert (found.registry, found.repository, found.tag, digest) == expected, vector["name"]
        else:
            continue  # ocidir: and ocifile: are other schemes' business
        checked += 1
    assert checked > 35


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io", "Docker.IO"])
def test_every_spelling_of_docker_hub_is_one(host: str) -> None:
    reference = Reference.located(f"{host}/busybox")
    assert str(reference) == "docker.io/library/busybox:latest"
    assert reference.api_host == "registry-1.docker.io"
    assert str(reference.name) == "busybox:latest"


def test_the_host_of_a_uri_needs_no_dot() -> None:
    assert Reference.located("registry/app:1").registry == "registry"
    assert Reference.parse("registry/app:1").registry == "docker.io"


def test_repotags_keep_the_host_of_other_registries() -> None:
    assert str(Reference.parse("quay.io/library/busybox:1").name) == "quay.io/library/busybox:1"
    assert str(Reference.parse("docker.io/team/app:1").name) == "team/app:1"


def test_a_hub_repository_that_looks_like_a_host_keeps_its_host() -> None:
    assert Reference.located("docker.io/a.b/c").familiar == "docker.io/a.b/c"


def test_what_is_asked_for_is_the_digest_where_there_is_one() -> None:
    assert Reference.parse("a/b:1").wanted == "1"
    assert Reference.parse(f"a/b:1@{DIGEST}").wanted == DIGEST


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("docker.io", "names no image"),
        ("docker.io/", "names no image"),
        ("host:0/a", "is not a host"),
        ("host:99999/a", "is not a host"),
        ("[::1/a", "is not a host"),
        ("[fe80::1%25eth0]/a", "is not a host"),
        ("host/a:", "is not a tag"),
        (f"host/a:{'x' * 129}", "is not a tag"),
        ("host/a\r\nx", "is not a repository name"),
        ("host/a/../b", "is not a repository name"),
        ("host/a@md5:00", "is not a digest"),
        (f"host/a@{DIGEST.upper()}", "is not a digest"),
    ],
)
def test_the_error_says_which_part_is_wrong(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Reference.located(text)
