"""Certificates made without openssl, judged by openssl, curl, Python and Go."""

from __future__ import annotations

import os
import re
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from occystrap_core.kit.certificates import Certificate, p256, self_signed, server_context
from tests import peers
from tests.server.conftest import Served

ADDRESSES = ("127.0.0.1", "::1")


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """Also in `ca.crt` of the test's folder."""
    made = self_signed(ADDRESSES)
    (tmp_path / "ca.crt").write_text(made.certificate)
    return made


@pytest.fixture
def secure(serve: Callable[..., Served], certificate: Certificate) -> Iterator[Served]:
    yield serve(tls=server_context(certificate))


@pytest.mark.peer("openssl")
def test_openssl_finds_nothing_wrong(certificate: Certificate, tmp_path: Path) -> None:
    path = str(tmp_path / "ca.crt")
    peers.run_tool("openssl", "verify", "-x509_strict", "-check_ss_sig", "-purpose", "sslserver", "-CAfile", path, path)
    text = peers.run_tool("openssl", "x509", "-noout", "-text", "-in", path)
    for expected in (
        "Version: 3", "Issuer: CN = 127.0.0.1", "Subject: CN = 127.0.0.1", "NIST CURVE: P-256", "ecdsa-with-SHA256",
        "IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1", "CA:TRUE", "Digital Signature, Certificate Sign",
        "TLS Web Server Authentication",
    ):  # fmt: skip
        assert expected in text
    assert re.search(r"Not After : \w+ +\d+ [\d:]+ \d{4} GMT", text)


@pytest.mark.peer("openssl")
def test_openssl_takes_the_key(certificate: Certificate) -> None:
    assert "Key is valid" in peers.run_tool("openssl", "pkey", "-check", "-noout", stdin=certificate.key.encode())


@pytest.mark.peer("openssl")
def test_it_ends_when_it_should(tmp_path: Path) -> None:
    path = tmp_path / "old.crt"
    path.write_text(self_signed(ADDRESSES, lifetime=timedelta(seconds=-5)).certificate)
    done = subprocess.run(["openssl", "verify", "-CAfile", path, path], capture_output=True, text=True)
    assert "certificate has expired" in done.stderr


@pytest.mark.peer("curl")
def test_curl(secure: Served, tmp_path: Path) -> None:
    url = f"https://{secure.server.host}/v2/"
    assert peers.run_tool("curl", "-sSf", "--cacert", str(tmp_path / "ca.crt"), url) == "{}"
    assert subprocess.run(["curl", "-sS", url], capture_output=True).returncode == 60
    local = url.replace("127.0.0.1", "localhost")
    assert subprocess.run(["curl", "-sS", "--cacert", tmp_path / "ca.crt", local], capture_output=True).returncode == 60


@pytest.mark.peer("skopeo")
def test_go(secure: Served, tmp_path: Path, run_cli: Callable[..., peers.Result]) -> None:
    assert run_cli("process", "sample://", f"ocidir://{tmp_path / 'layout'}:x").returncode == 0
    certificates = tmp_path / "certs"
    certificates.mkdir()
    (tmp_path / "ca.crt").rename(certificates / "ca.crt")
    copy = [
        "skopeo",
        "--insecure-policy",
        "copy",
        "--dest-cert-dir",
        str(certificates),
        "--src-cert-dir",
        str(certificates),
    ]
    name = f"docker://{secure.server.host}/some/image:v1"
    peers.run_tool(*copy, f"oci:{tmp_path / 'layout'}:x", name)
    peers.run_tool(*copy, name, f"dir:{tmp_path / 'copy'}")
    refused = subprocess.run([*copy[:3], f"oci:{tmp_path / 'layout'}:x", name], capture_output=True, text=True)
    assert "x509" in refused.stderr


def test_many_keys() -> None:
    """Leading zeros and high bits are what hand-written DER goes wrong with."""
    for _ in range(30):
        made = self_signed(ADDRESSES)
        client = ssl.create_default_context(cadata=made.certificate)
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = [
            client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
            server_context(made).wrap_bio(to_server, to_client, server_side=True),
        ]
        while ends:
            try:
                ends[0].do_handshake()
                ends.pop(0)
            except ssl.SSLWantReadError:
                ends.reverse()


def test_old_versions_of_tls_are_not_spoken(certificate: Certificate) -> None:
    assert server_context(certificate).minimum_version == ssl.TLSVersion.TLSv1_2


def test_the_key_is_on_disk_for_nobody_else_and_for_a_moment(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "temp"
    directory.mkdir()
    modes = []

    load = ssl.SSLContext.load_cert_chain

    def watched(self: ssl.SSLContext, certfile: str) -> None:
        modes.append(stat.S_IMODE(os.stat(certfile).st_mode))
        load(self, certfile)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    server_context(certificate)
    assert modes == [0o600]
    assert not list(directory.iterdir())


def test_the_key_is_in_no_repr(certificate: Certificate) -> None:
    assert "PRIVATE" not in repr(certificate)
    key = p256.PrivateKey.generate()
    assert str(key.secret) not in repr(key)


@pytest.mark.parametrize(
    ("scalar", "x"),
    [
        (2, 0x7CF27B188D034F7E8A52380304B51AC3C08969E277F21B35A60B48FC47669978),
        (3, 0x5ECBE4D1A6330A44C8F7EF951D4BF165E6C6B721EFADA985FB41661BC6E7FD6C),
        (112233445566778899, 0x339150844EC15234807FE862A86BE77977DBFB3AE3D96F4C22795513AEAAB82F),
    ],
)
def test_points_that_are_known(scalar: int, x: int) -> None:
    assert p256.times(scalar, p256._BASE)[0] == x


def test_the_order_of_the_curve() -> None:
    x, y = p256._BASE
    assert p256.times(p256._N - 1, p256._BASE) == (x, p256._P - y)
