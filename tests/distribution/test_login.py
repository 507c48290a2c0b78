"""Who we are, and whom we tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from occystrap_core.kit.distribution.client import PUSH
from occystrap_core.kit.distribution.upload import InMemory
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import AccessDenied, TransferError
from occystrap_core.testing.build import BuiltImage, build_image, layer_tar
from occystrap_core.testing.registry import BasicGate, EmbeddedRegistry, Fault, TokenGate
from occystrap_core.testing.registry.gate import basic
from tests.distribution.conftest import ClientFor

USERS = {"ann": "s3cret:with,colon"}
ANN = {"username": "ann", "password": USERS["ann"]}
MALLORY = "127.0.0.2"  # another host that is this machine
Start = Callable[..., EmbeddedRegistry]


@pytest.fixture
def image() -> BuiltImage:
    return build_image([layer_tar(("etc/motd", "hello"))])


@pytest.fixture
def guarded(start: Start, image: BuiltImage) -> Callable[..., EmbeddedRegistry]:
    def make(gate: object, **settings: object) -> EmbeddedRegistry:
        registry = start(gate=gate, **settings)
        registry.add(image, "some/image", "v1")
        return registry

    return make


def test_a_token_is_asked_for_only_when_the_registry_wants_one(guarded: Start, client_for: ClientFor) -> None:
    gate = TokenGate()
    registry = guarded(gate)
    client = client_for(registry)
    client.manifest("v1")
    client.manifest("v1")
    assert [request.path.partition("?")[0] for request in registry.requests] == [
        "/v2/some/image/manifests/v1",
        "/token",
        "/v2/some/image/manifests/v1",
        "/v2/some/image/manifests/v1",
    ]
    assert gate.asked_scopes == [("repository:some/image:pull",)]


def test_service_and_scope_are_encoded(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(TokenGate())
    client_for(registry, actions=PUSH).manifest("v1")
    query = registry.seen("GET", "/token")[0].path.partition("?")[2]
    assert query == "service=test%2C+%22quoted%22&scope=repository%3Asome%2Fimage%3Apull%2Cpush"


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_credentials_are_traded_for_a_token_and_shown_to_nobody_else(
    guarded: Start, client_for: ClientFor, key: str
) -> None:
    registry = guarded(TokenGate(users=USERS, key=key))
    client_for(registry, **ANN).manifest("v1")
    shown = {request.path.partition("?")[0] for request in registry.requests if "Basic" in request.authorization}
    assert shown == {"/token"}


@pytest.mark.parametrize(
    "challenge",
    [
        'Bearer scope="repository:some/image:pull,push",service=x,realm="{realm}"',
        'bearer   realm = "{realm}" , service = "x"',
        'Basic realm="not this", Bearer realm="{realm}",service="x"',
        'Negotiate, Bearer realm="{realm}"',
        'Bearer realm="{realm}?account=a%20b",service="x"',
    ],
)
def test_a_challenge_may_be_written_in_any_way(guarded: Start, client_for: ClientFor, challenge: str) -> None:
    registry = guarded(TokenGate(users=USERS, format=challenge))
    client_for(registry, **ANN).manifest("v1")
    if "account" in challenge:
        assert "/token?account=a%20b&service=x&scope=" in registry.seen("GET", "/token")[0].path


def test_basic_is_sent_with_every_request_once_it_was_asked_for(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(BasicGate(USERS))
    client = client_for(registry, **ANN)
    client.manifest("v1")
    client.manifest("v1")
    assert [request.authorization for request in registry.requests] == ["", *[basic("ann", USERS["ann"])] * 2]


@pytest.mark.parametrize("gate", [BasicGate(USERS), TokenGate(users=USERS)])
def test_a_wrong_password_is_said_once_and_not_shown(guarded: Start, client_for: ClientFor, gate: object) -> None:
    registry = guarded(gate)
    with pytest.raises(AccessDenied, match="the credentials are those from the command line") as caught:
        client_for(registry, username="ann", password="hunter2").manifest("v1")
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)
    assert len(registry.requests) <= 3


@pytest.mark.parametrize("gate", [BasicGate(USERS), TokenGate(users=USERS)])
def test_without_credentials_the_error_says_how_to_give_some(
    guarded: Start, client_for: ClientFor, gate: object
) -> None:
    with pytest.raises(AccessDenied, match="give --username and --password, or log in"):
        client_for(guarded(gate)).manifest("v1")


def test_an_unknown_way_to_log_in(guarded: Start, client_for: ClientFor) -> None:
    with pytest.raises(AccessDenied, match="offers negotiate to log in"):
        client_for(guarded(TokenGate(format="Negotiate"))).manifest("v1")


def test_a_token_that_is_good_for_one_request_is_enough(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(TokenGate(users=USERS, uses=1))
    client = client_for(registry, actions=PUSH, **ANN)
    data = b"x" * 300_000
    client.put_blob(Digest.of(data), InMemory(data))
    assert b"".join(map(bytes, client.blob(Digest.of(data)))) == data
    client.put_manifest(client.manifest("v1")[0], "v2")
    assert registry.store.repository("some/image").tags["v2"]


def test_a_token_that_ends_early_is_renewed_in_the_middle_of_a_push(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(TokenGate(users=USERS, lifetime=0.2, announced_lifetime=300))
    client = client_for(registry, actions=PUSH, **ANN)
    for number in range(3):
        data = bytes([number]) * 100_000
        client.put_blob(Digest.of(data), InMemory(data))
        time.sleep(0.25)
    assert len(registry.seen("GET", "/token")) >= 3


def test_a_token_is_renewed_before_it_ends(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(TokenGate(lifetime=0.2))
    client = client_for(registry)
    client.manifest("v1")
    time.sleep(0.25)
    client.manifest("v1")
    statuses = [request.path.partition("?")[0] for request in registry.requests]
    assert statuses.count("/token") == 2 and len(statuses) == 5


def test_threads_share_one_token(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(TokenGate())
    client = client_for(registry)
    threads = [threading.Thread(target=client.manifest, args=("v1",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(registry.seen("GET", "/token")) == 1


def test_threads_get_on_with_tokens_that_are_used_up_by_others(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(TokenGate(uses=2))
    client = client_for(registry)
    failures: list[Exception] = []

    def ask() -> None:
        try:
            client.manifest("v1")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_an_identity_token_is_posted_and_never_in_a_url(
    guarded: Start, client_for: ClientFor, no_stored_credentials: Path
) -> None:
    registry = guarded(TokenGate(users=USERS, identity="long-lived+secret"))
    config = no_stored_credentials / ".docker" / "config.json"
    config.parent.mkdir()
    config.write_text(f'{{"auths": {{"{registry.host}": {{"identitytoken": "long-lived+secret"}}}}}}')
    client_for(registry).manifest("v1")
    assert len(registry.seen("POST", "/token")) == 1
    assert not any("long-lived" in request.path for request in registry.requests)


def test_a_busy_token_server_is_asked_again(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(TokenGate())
    registry.fail(Fault(path="/token", status=503, times=2))
    client_for(registry).manifest("v1")
    assert len(registry.seen("GET", "/token")) == 3


def test_an_endless_token_answer_is_cut_off(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(TokenGate())
    registry.fail(Fault(path="/token", status=200, body=b"x" * (1 << 20)))
    with pytest.raises(Exception, match="longer than 65536 bytes"):
        client_for(registry).manifest("v1")


@pytest.mark.parametrize("body", [b"{}", b'{"token": 7}', b'{"token": "a\\r\\nX-Evil: 1"}', b'{"token": ""}'])
def test_a_token_answer_without_a_usable_token(guarded: Start, client_for: ClientFor, body: bytes) -> None:
    registry = guarded(TokenGate())
    registry.fail(Fault(path="/token", status=200, body=body))
    with pytest.raises(AccessDenied, match="gives no token"):
        client_for(registry).manifest("v1")


def test_a_token_request_is_not_redirected(guarded: Start, client_for: ClientFor, start: Start) -> None:
    thief = start()
    registry = guarded(TokenGate(users=USERS))
    registry.fail(Fault(path="/token", status=307, headers={"Location": f"{thief.url}/token"}))
    with pytest.raises(AccessDenied, match=r"is refused \(307"):
        client_for(registry, **ANN).manifest("v1")
    assert not thief.requests


@pytest.mark.parametrize(
    "realm",
    [f"http://{MALLORY}:1/token", "http://example.com/token", "file:///etc/passwd", "//x", "", "https://u:p@h/x"],
)
def test_a_realm_without_tls_elsewhere_is_refused(guarded: Start, client_for: ClientFor, realm: str) -> None:
    with pytest.raises(AccessDenied, match="wants a login at"):
        client_for(guarded(TokenGate(users=USERS, realm=realm or "x")), **ANN).manifest("v1")


def test_a_redirect_elsewhere_does_not_carry_the_login(guarded: Start, client_for: ClientFor, start: Start) -> None:
    storage = start()
    data = b"blob" * 1000
    storage.store.repository("elsewhere").blobs[str(Digest.of(data))] = data
    registry = guarded(TokenGate(users=USERS))
    client = client_for(registry, **ANN)
    client.manifest("v1")
    location = f"{storage.url}/v2/elsewhere/blobs/{Digest.of(data)}"
    registry.fail(Fault(path="/blobs/", status=307, headers={"Location": location}))
    assert b"".join(map(bytes, client.blob(Digest.of(data)))) == data
    assert [request.authorization for request in storage.requests] == [""]


def test_a_redirect_within_the_registry_carries_it(guarded: Start, client_for: ClientFor, image: BuiltImage) -> None:
    registry = guarded(BasicGate(USERS))
    client = client_for(registry, **ANN)
    client.manifest("v1")
    registry.fail(Fault(path="/manifests/v1", status=302, headers={"Location": "v1?again"}))
    assert client.manifest("v1")[0].raw == image.manifest.raw
    assert registry.requests[-1].path == "/v2/some/image/manifests/v1?again"


def test_a_401_from_a_redirects_end_does_not_make_us_log_in_there(
    guarded: Start, client_for: ClientFor, start: Start
) -> None:
    thief = start(gate=BasicGate({}))
    registry = guarded(BasicGate(USERS))
    registry.fail(Fault(path="/blobs/", status=307, headers={"Location": f"{thief.url}/x"}, times=None))
    with pytest.raises(AccessDenied):
        list(client_for(registry, **ANN).blob(Digest.of(b"")))
    assert [request.authorization for request in thief.requests] == [""]


def test_redirects_end(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(None)
    registry.fail(Fault(path="/manifests/", status=302, headers={"Location": "v1"}, times=None))
    with pytest.raises(TransferError, match="redirects more than 10 times"):
        client_for(registry).manifest("v1")
    assert len(registry.requests) == 11


@pytest.mark.parametrize("location", ["ftp://x/y", "http://[broken", "https://u:p@h/", "http://h/a b", "http://ü/"])
def test_a_redirect_to_nonsense(guarded: Start, client_for: ClientFor, location: str) -> None:
    registry = guarded(None)
    registry.fail(Fault(path="/manifests/", status=302, headers={"Location": location}))
    with pytest.raises(TransferError, match="is not a URL that can be followed"):
        client_for(registry).manifest("v1")


def test_an_upload_elsewhere_does_not_carry_the_login(guarded: Start, client_for: ClientFor, start: Start) -> None:
    storage = start()
    registry = guarded(BasicGate(USERS), location=storage.url)
    data = b"secret layer"
    client = client_for(registry, actions=PUSH, **ANN)
    with pytest.raises(Exception, match="does not have|404"):
        client.put_blob(Digest.of(data), InMemory(data))
    assert storage.requests and not any(request.authorization for request in storage.requests)


def test_a_cookie_is_never_given_back(guarded: Start, client_for: ClientFor) -> None:
    registry = guarded(None)
    registry.fail(Fault(headers={"Set-Cookie": "session=1; Path=/"}, times=None))
    client = client_for(registry)
    client.manifest("v1")
    client.manifest("v1")
    assert not any("cookie" in request.headers for request in registry.requests)
