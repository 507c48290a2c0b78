"""What a client may push, and what it is told."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from occystrap_core.kit.distribution.server import BasicGate, Limits
from occystrap_core.kit.distribution.server.gate import basic
from occystrap_core.model import media_types
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import Family
from occystrap_core.testing.build import BuiltImage, BuiltIndex, build_image, build_index, layer_tar
from tests.server.conftest import Answer, Served

BLOB = b"0123456789" * 1000
DIGEST = Digest.of(BLOB)
UPLOADS = "/v2/some/image/blobs/uploads/"


def picture(family: Family = Family.DOCKER, text: str = "hello") -> BuiltImage:
    return build_image([layer_tar(("etc/motd", text)), layer_tar(("data", "x" * 100_000))], family=family)


def put_manifest(served: Served, raw: bytes, media_type: str, wanted: str = "v1") -> Answer:
    headers = [f"Content-Type: {media_type}"] if media_type else []
    return served.ask("PUT", f"/v2/some/image/manifests/{wanted}", *headers, body=raw)


def push_blobs(served: Served, image: BuiltImage | BuiltIndex) -> None:
    for blob in (*image.blobs.values(), *(each.config.raw for each in image.images)):
        served.push(blob)


def code(answer: Answer) -> str:
    (error,) = json.loads(answer.body)["errors"]
    return str(error["code"])


# Blobs


def test_a_blob_in_one_piece(served: Served) -> None:
    answer = served.ask("POST", f"{UPLOADS}?digest={DIGEST}", body=BLOB)
    assert (answer.status, answer.headers["location"]) == (201, f"/v2/some/image/blobs/{DIGEST}")
    got = served.ask("GET", answer.headers["location"])
    assert (got.status, got.body, got.headers["docker-content-digest"]) == (200, BLOB, str(DIGEST))
    assert served.ask("HEAD", answer.headers["location"]).headers["content-length"] == str(len(BLOB))


def test_a_blob_in_pieces(served: Served) -> None:
    location = served.begin()
    assert served.ask("PATCH", location, "Content-Range: 0-3999", body=BLOB[:4000]).headers["range"] == "0-3999"
    status = served.ask("GET", location)
    assert (status.status, status.headers["range"]) == (204, "0-3999")
    assert served.ask("PATCH", location, body=BLOB[4000:9000]).status == 202
    quoted = str(DIGEST).replace(":", "%3A")
    assert served.ask("PUT", f"{location}?digest={quoted}", "Content-Range: 9000-9999", body=BLOB[9000:]).status == 201
    assert served.ask("GET", f"/v2/some/image/blobs/{quoted}").body == BLOB
    assert served.ask("GET", location).status == 404
    assert len(served.api.uploads) == 0


def test_sha512_and_nothing(served: Served) -> None:
    for blob in (BLOB, b""):
        digest = Digest.of(blob, "sha512")
        assert served.ask("PUT", f"{served.begin()}?digest={digest}", body=blob).status == 201
        assert served.ask("GET", f"/v2/some/image/blobs/{digest}").body == blob


def test_a_blob_twice_is_kept_once(served: Served) -> None:
    served.push(BLOB)
    first = served.store.blob("some/image", DIGEST)
    served.push(BLOB)
    assert served.store.blob("some/image", DIGEST) is first


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=10-", 206, 10, 10_000), ("bytes=0-0", 206, 0, 1), ("bytes=9990-20000", 206, 9990, 10_000),
        ("bytes=10000-", 416, 0, 0), ("bytes=5-4", 416, 0, 0), ("lines=1-2", 200, 0, 10_000),
    ],
)  # fmt: skip
def test_part_of_a_blob(served: Served, asked: str, status: int, start: int, end: int) -> None:
    served.push(BLOB)
    answer = served.ask("GET", f"/v2/some/image/blobs/{DIGEST}", f"Range: {asked}")
    assert answer.status == status
    if status == 206:
        assert answer.body == BLOB[start:end]
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/10000"


@pytest.mark.parametrize(
    "digest", ["", f"sha256:{'0' * 64}", f"md5:{'0' * 32}", "sha256:../../x", "sha256:" + "A" * 64]
)
def test_a_blob_with_another_digest_is_not_kept(served: Served, digest: str) -> None:
    location = served.begin()
    assert served.ask("PATCH", location, body=BLOB).status == 202
    answer = served.ask("PUT", f"{location}?digest={digest}")
    assert (answer.status, code(answer)) == (400, "DIGEST_INVALID")
    assert served.ask("PUT", location).status in (400, 404)
    assert served.ask("HEAD", f"/v2/some/image/blobs/{DIGEST}").status == 404


@pytest.mark.parametrize(
    "claimed", ["5000-5999", "0-998", "3999-4998", "4000-3999", "x-y", "bytes 4000-4999/*", "4000-9999"]
)
def test_a_gap_or_a_wrong_length_is_out_of_range(served: Served, claimed: str) -> None:
    location = served.begin()
    served.ask("PATCH", location, body=BLOB[:4000])
    assert served.ask("PATCH", location, f"Content-Range: {claimed}", body=BLOB[4000:5000]).status == 416
    chunked = b"3e8\r\n" + BLOB[4000:5000] + b"\r\n0\r\n\r\n"
    headers = (f"Content-Range: {claimed}", "Transfer-Encoding: chunked", "X-No-Length: 1")
    assert served.ask("PATCH", location, *headers, body=chunked).status == 416


def test_uploads_belong_to_their_repository(served: Served) -> None:
    number = served.begin().rpartition("/")[2]
    for name in (f"other/image/blobs/uploads/{number}", f"some/image/blobs/uploads/{number[:-1]}x"):
        for method in ("GET", "PATCH", "DELETE"):
            assert served.ask(method, f"/v2/{name}", body=b"x").status == 404
        assert served.ask("PUT", f"/v2/{name}?digest={DIGEST}", body=b"x").status == 404
    assert served.ask("DELETE", f"{UPLOADS}{number}").status == 204
    assert served.ask("GET", f"{UPLOADS}{number}").status == 404


def test_blobs_belong_to_their_repository(served: Served) -> None:
    served.push(BLOB)
    assert served.ask("HEAD", f"/v2/other/image/blobs/{DIGEST}").status == 404
    assert served.ask("POST", f"/v2/other/image/blobs/uploads/?mount={DIGEST}&from=some/image").status == 202


def test_a_client_that_dies_leaves_no_blob(served: Served) -> None:
    client, location = served.client(), served.begin()
    head = f"PUT {location}?digest={DIGEST} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n"
    client.socket.sendall(head.encode() + BLOB[:5000])
    client.close()
    assert served.ask("HEAD", f"/v2/some/image/blobs/{DIGEST}").status == 404


def test_one_upload_takes_one_request_at_a_time(served: Served) -> None:
    client, location = served.client(), served.begin()
    client.socket.sendall(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab".encode())
    while served.ask("GET", location).status == 204:
        pass
    assert served.ask("PATCH", location, body=b"x").status == 409
    assert client.send(b"cd").headers["range"] == "0-3"


def test_many_at_once(served: Served) -> None:
    blobs = [bytes((number,)) * 300_000 for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(served.push, blobs))
    assert [served.ask("GET", f"/v2/some/image/blobs/{digest}").body for digest in digests] == blobs


# Manifests


@pytest.mark.parametrize("family", list(Family))
def test_an_image(served: Served, family: Family) -> None:
    image = picture(family)
    push_blobs(served, image)
    answer = put_manifest(served, image.manifest.raw, image.manifest.media_type)
    assert (answer.status, answer.headers["docker-content-digest"]) == (201, str(image.root.digest))
    for wanted in ("v1", str(image.root.digest)):
        got = served.ask("GET", f"/v2/some/image/manifests/{wanted}")
        assert (got.status, got.body, got.headers["content-type"]) == (
            200,
            image.manifest.raw,
            image.manifest.media_type,
        )
    assert served.ask("HEAD", "/v2/some/image/manifests/v2").status == 404
    assert json.loads(served.ask("GET", "/v2/some/image/tags/list").body) == {"name": "some/image", "tags": ["v1"]}


def test_an_index_comes_after_its_images(served: Served) -> None:
    index = build_index([picture(Family.OCI), picture(Family.OCI, "other")])
    push_blobs(served, index)
    assert code(put_manifest(served, index.index.raw, index.index.media_type)) == "MANIFEST_UNKNOWN"
    for image in index.images:
        assert put_manifest(served, image.manifest.raw, "", str(image.root.digest)).status == 201
    assert put_manifest(served, index.index.raw, index.index.media_type).status == 201


def test_a_manifest_comes_after_its_blobs(served: Served) -> None:
    image = picture()
    for blob in [*image.blobs.values(), image.config.raw]:
        assert code(put_manifest(served, image.manifest.raw, "")) == "MANIFEST_BLOB_UNKNOWN"
        served.push(blob)
    assert put_manifest(served, image.manifest.raw, "").status == 201


def test_foreign_layers_lie_elsewhere(served: Served) -> None:
    image = picture()
    foreign = {**image.layers[0].descriptor.to_json(), "mediaType": f"{media_types.DOCKER_FOREIGN_LAYER}.gzip"}
    served.push(image.config.raw)
    raw = json.dumps({**image.manifest.json, "layers": [foreign]}).encode()
    assert put_manifest(served, raw, "").status == 201


def edited(**changes: object) -> bytes:
    return json.dumps({**picture().manifest.json, **changes}).encode()


@pytest.mark.parametrize(
    ("raw", "media_type"),
    [
        (b"", ""), (b"not JSON", ""), (b"[]", ""), (b"null", ""), (b"{}", ""), (b"7", ""), (b"[" * 100_000, ""),
        (b'{"a":' * 100_000, ""), (b"\xff\xfe", ""),
        (edited(), media_types.OCI_MANIFEST), (edited(), media_types.DOCKER_LIST), (edited(), "text/plain"),
        (edited(mediaType="text/plain"), ""), (edited(mediaType=None), "x/y"), (edited(mediaType=7), ""),
        (edited(mediaType=["a"]), ""),
        (edited(manifests=[]), ""), (edited(layers="x"), ""), (edited(layers=[7]), ""), (edited(config=None), ""),
        (edited(config={"digest": "sha256:../../x", "size": 1}), ""), (edited(layers=[{"size": -1}]), ""),
        (json.dumps({"schemaVersion": 2, "mediaType": media_types.OCI_INDEX}).encode(), ""),
        (json.dumps({"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": 5}).encode(), ""),
        (b'{"schemaVersion":1,"fsLayers":[]}', "application/vnd.docker.distribution.manifest.v1+prettyjws"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(served: Served, raw: bytes, media_type: str) -> None:
    push_blobs(served, picture())
    answer = put_manifest(served, raw, media_type)
    assert (answer.status, code(answer)) == (400, "MANIFEST_INVALID")


def test_a_manifest_under_another_digest(served: Served) -> None:
    push_blobs(served, picture())
    answer = put_manifest(served, picture().manifest.raw, "", str(DIGEST))
    assert (answer.status, code(answer)) == (400, "DIGEST_INVALID")


def test_a_manifest_that_is_too_large_stays_unread(serve) -> None:
    served: Served = serve(Limits(document_bytes=1000))
    answer = served.ask("PUT", "/v2/some/image/manifests/v1", "Content-Length: 1001")
    assert (answer.status, code(answer)) == (413, "SIZE_INVALID")
    chunked = b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
    answer = served.ask("PUT", "/v2/some/image/manifests/v1", "Transfer-Encoding: chunked", "X-Length: 1", body=chunked)
    assert answer.status == 413


# Names


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1/", "/v2/x", "/v2/some/image", "/v2/some/image/", "/v2//manifests/v1", "/v2/../etc/passwd",
        "/v2/../../manifests/v1", "/v2/some/%2e%2e/manifests/v1", "/v2/some%2fimage/manifests/v1",
        "/v2/some/image/blobs/..%2f..%2fx", "/v2/a%00b/manifests/v1", "/v2/a\\b/manifests/v1",
        "/v2/UPPER/manifests/v1", "/v2/a//b/manifests/v1", "/v2/a./manifests/v1", f"/v2/{'a' * 300}/manifests/v1",
        "/v2/a%0d%0aX:y/manifests/v1", "/v2/caf\xe9/manifests/v1", "/v2/_catalog",
        f"/v2/a/manifests/{'t' * 129}", "/v2/a/manifests/.dot", "/v2/a/manifests/-dash", "/v2/a/manifests/a:b",
        "/v2/a/manifests/", "/v2/a/manifests/%0d%0aX:y", "/v2/a/manifests/\x1b", "/v2/a/manifests/sha256:x",
        "/v2/a/manifests/%C3%A9", "/v2/a/manifests/..", "/v2/a/blobs/x", "/v2/a/blobs/sha256:x", "/v2/a/blobs/",
        "/v2/a/blobs/md5:" + "0" * 32, "/v2/a/blobs/uploads/../../x", "/v2/a/blobs/uploads/%2e%2e",
        "/v2/a/tags/list?n=-1", "/v2/a/tags/list?n=abc", "/v2/a/tags/list?n=1e9", "/v2/a/tags/other",
        "/v2/a/tags/list?n=1&n=2", "/v2/a/tags/list?n=%ff",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE"])
def test_what_has_no_name_is_refused(served: Served, method: str, path: str) -> None:
    answer = served.ask(method, path)
    assert answer.status in (400, 404, 405)
    assert b"\x1b" not in answer.body and not {"x", "location"} & set(answer.headers)


@pytest.mark.parametrize("method", ["DELETE", "POST", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_nothing_else_can_be_done(served: Served, method: str) -> None:
    served.push(BLOB)
    assert served.ask(method, f"/v2/some/image/blobs/{DIGEST}").status == 405
    assert served.ask("GET", f"/v2/some/image/blobs/{DIGEST}").status == 200


def test_tags_come_in_pages(served: Served) -> None:
    image = picture()
    push_blobs(served, image)
    for tag in "dbca":
        put_manifest(served, image.manifest.raw, "", tag)
    assert json.loads(served.ask("GET", "/v2/some/image/tags/list?n=2&last=a").body)["tags"] == ["b", "c"]
    assert served.ask("GET", "/v2/other/image/tags/list").status == 404


# Who, and how much


def test_a_password_is_asked_for(serve) -> None:
    served: Served = serve(gate=BasicGate({"ann": "12345", "bob": ""}))
    for method, path in (("GET", "/v2/"), ("POST", UPLOADS), ("GET", "/nowhere")):
        for header in ("", f"Authorization: {basic('ann', 'x')}", "Authorization: Bearer x", "Authorization: \xe9"):
            answer = served.ask(method, path, *filter(None, [header]))
            assert (answer.status, answer.headers["www-authenticate"][:5]) == (401, "Basic")
    for user, password in (("ann", "12345"), ("bob", "")):
        assert served.ask("GET", "/v2/", f"Authorization: {basic(user, password)}").status == 200


def test_uploads_are_counted_and_forgotten(serve) -> None:
    served: Served = serve(Limits(uploads=3, upload_seconds=0.3))
    first = served.begin()
    for _ in range(2):
        served.begin()
    answer = served.ask("POST", UPLOADS)
    assert (answer.status, code(answer)) == (429, "TOOMANYREQUESTS")
    while served.ask("POST", UPLOADS).status == 429:
        pass
    assert served.ask("PATCH", first, body=b"x").status == 404


def test_uploads_take_bounded_room(serve) -> None:
    served: Served = serve(Limits(upload_bytes=15_000))
    location = served.begin()
    assert served.ask("PATCH", served.begin(), body=BLOB).status == 202
    answer = served.ask("PATCH", location, body=BLOB)
    assert (answer.status, code(answer)) == (413, "SIZE_INVALID")


def test_a_disk_that_is_full_is_an_answer(serve, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    import subprocess

    from tests import peers

    peers.require_root("mounting a small disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path], check=True)
    try:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        served: Served = serve()
        location = served.begin()
        assert served.ask("PATCH", location, body=b"x" * (4 << 20)).status == 507
        assert served.server.failure and "No space" in str(served.server.failure)
        assert served.ask("GET", location).status == 404
        assert served.ask("GET", "/v2/").status == 200
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)
