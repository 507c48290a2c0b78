"""registry:// as a source."""

from __future__ import annotations

from contextlib import closing

import pytest

from occystrap_core.contracts import Address, Settings
from occystrap_core.kit.distribution.target import Target
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.document import Document
from occystrap_core.model.errors import InvalidImage, LimitExceeded, NotFound, OptionError, UsageError
from occystrap_core.testing.build import BuiltImage, build_artifact, build_image, build_index, layer_tar
from occystrap_core.testing.conformance import check_input
from occystrap_core.testing.registry import BasicGate, EmbeddedRegistry, TokenGate
from tests.registry.opening import source

DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def image() -> BuiltImage:
    return build_image([layer_tar(("etc/", ""), ("etc/motd", "hello")), layer_tar(("a", "b"))])


def test_it_keeps_the_input_contract(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.add(build_index([image], attest=True), "team/app", "v1")
    check_input(lambda: source(f"registry://{embedded.host}/team/app:v1"))


def test_a_root_is_fetched_once(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.add(image, "team/app", "v1")
    with closing(source(f"registry://{embedded.host}/team/app:v1")) as opened:
        assert opened.root() == opened.root()
        assert opened.document(opened.root()) == image.manifest.raw
        assert opened.document(image.config.descriptor()) == image.config.raw
        assert b"".join(map(bytes, opened.blob(image.layers[0].descriptor))) == image.layers[0].blob
        assert str(opened.name()) == f"{embedded.host}/team/app:v1"
        assert opened.traits.origin == (embedded.host, "team/app")
    assert len(embedded.requests) == 3


def test_an_index_leads_to_its_children(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    index = build_index([image])
    embedded.add(index, "team/app", "v1")
    with closing(source(f"registry://{embedded.host}/team/app:v1")) as opened:
        assert opened.root().digest == index.root.digest
        assert opened.document(image.root) == image.manifest.raw


def test_an_artifact_has_a_config_too(embedded: EmbeddedRegistry) -> None:
    artifact = build_artifact({"text/plain": b"hello"})
    embedded.add(artifact, "team/thing", "v1")
    with closing(source(f"registry://{embedded.host}/team/thing:v1")) as opened:
        assert opened.document(artifact.config.descriptor()) == b"{}"


def test_a_digest_is_pinned(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.add(image, "team/app", "v1")
    with closing(source(f"registry://{embedded.host}/team/app:other@{image.root.digest}")) as opened:
        assert opened.root().digest == image.root.digest
        assert str(opened.name()) == f"{embedded.host}/team/app:other"
    with closing(source(f"registry://{embedded.host}/team/app@{DIGEST}")) as opened, pytest.raises(NotFound):
        opened.root()


def test_a_giant_config_is_not_read(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.add(image, "team/app", "v1")
    config = image.config.descriptor()
    embedded.store.repository("team/app").blobs[str(config.digest)] = b" " * (5 << 20)
    with closing(source(f"registry://{embedded.host}/team/app:v1")) as opened, pytest.raises(LimitExceeded):
        opened.document(config)


def test_a_foreign_layer_is_not_looked_for_elsewhere(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    elsewhere = Descriptor("x", image.config.digest, 3, extra={"urls": [f"{embedded.url}/secret"]})
    opened = source(f"registry://{embedded.host}/a")
    with closing(opened), pytest.raises(NotFound, match="not followed"):
        list(opened.blob(elsewhere))
    assert not embedded.seen(path="secret")


def test_schema_1(embedded: EmbeddedRegistry) -> None:
    raw = b'{"schemaVersion": 1, "name": "x", "tag": "y", "fsLayers": []}'
    embedded.store.put_manifest("old/app", "v1", Document(raw, "application/vnd.docker.distribution.manifest.v1+json"))
    with (
        closing(source(f"registry://{embedded.host}/old/app:v1")) as opened,
        pytest.raises(InvalidImage, match="schema 1"),
    ):
        opened.root()


@pytest.mark.parametrize(
    ("target", "reference", "user", "password"),
    [
        ("docker.io/busybox", "docker.io/library/busybox:latest", "", ""),
        ("u:p@quay.io/a/b:c", "quay.io/a/b:c", "u", "p"),
        ("u%40corp:p%3A%2F%40@[::1]:5000/a", "[::1]:5000/a:latest", "u@corp", "p:/@"),
        ("robot$x:1@h/a@" + DIGEST, f"h/a@{DIGEST}", "robot$x", "1"),
        ("u@h/a", "h/a:latest", "u", ""),
        ("a@b:c@h/a", "h/a:latest", "a@b", "c"),
    ],
)
def test_what_a_uri_says(target: str, reference: str, user: str, password: str) -> None:
    found = Target.of(Address.parse(f"registry://{target}"))
    assert (str(found.reference), found.username, found.password) == (reference, user, password)


@pytest.mark.parametrize(
    "target", ["u:hunter2/x@h/a", "u:hunter2?x@h/a", "u:hunter2@h", "u:hunter2@", "u:hunter2@H:x/a", "u:hunter2@h/A"]
)
def test_a_malformed_uri_does_not_show_its_password(target: str) -> None:
    with pytest.raises(UsageError) as caught:
        Target.of(Address.parse(f"registry://{target}"))
    assert "hunter2" not in str(caught.value)


def test_options_are_typed(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.gate = BasicGate({"1": "12345"})
    embedded.add(image, "team/app", "v1")
    uri = f"registry://{embedded.host}/team/app:v1?username=1&password=12345&arch=arm64&max_workers=2"
    with closing(source(uri)) as opened:
        assert opened.root().digest == image.root.digest
    with pytest.raises(OptionError, match="neither true nor false"):
        source(f"{uri}&insecure=maybe")
    with pytest.raises(OptionError, match="did you mean 'password'"):
        source(f"{uri}&pasword=x")


def test_the_nearest_credentials_win(embedded: EmbeddedRegistry, image: BuiltImage) -> None:
    embedded.gate = BasicGate({"ann": "uri"})
    embedded.add(image, "team/app", "v1")
    wrong = Settings(username="ann", password="global", retries=0)
    with closing(source(f"registry://ann:uri@{embedded.host}/team/app:v1?password=option", wrong)) as opened:
        assert opened.root().digest == image.root.digest
    with closing(source(f"registry://ann@{embedded.host}/team/app:v1?password=uri", wrong)) as opened:
        assert opened.root().digest == image.root.digest


def test_a_token_of_another_site_needs_a_permission(
    embedded: EmbeddedRegistry, image: BuiltImage, caplog: pytest.LogCaptureFixture
) -> None:
    """localhost is another name than 127.0.0.1, and names are all that can be compared."""
    port = embedded.host.rpartition(":")[2]
    embedded.gate = TokenGate(users={"ann": "secret"}, realm=f"https://localhost:{port}/token")
    embedded.add(image, "team/app", "v1")
    uri = f"registry://ann:secret@{embedded.host}/team/app:v1"
    with closing(source(uri, Settings(retries=0))) as opened, pytest.raises(Exception, match="does not speak TLS"):
        opened.root()
    assert "logging in anonymously; the credentials were not sent to localhost" in caplog.text
    assert "secret" not in caplog.text
    caplog.clear()
    with (
        closing(source(f"{uri}?auth_host=localhost", Settings(retries=0))) as opened,
        pytest.raises(Exception, match="does not speak TLS"),
    ):
        opened.root()
    assert "anonymously" not in caplog.text


@pytest.mark.parametrize(
    ("query", "platform"),
    [
        ("", None),
        ("?arch=arm64", "linux/arm64"),
        ("?architecture=aarch64&variant=v8", "linux/arm64/v8"),
        ("?os=windows", "windows/amd64"),
    ],
)
def test_a_uri_may_choose_the_platform(embedded: EmbeddedRegistry, query: str, platform: str | None) -> None:
    chosen = source(f"registry://{embedded.host}/a{query}").traits.platform
    assert (str(chosen) if chosen else None) == platform
