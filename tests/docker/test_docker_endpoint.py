"""Which daemon is meant, and how it is spoken to."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.endpoint import Endpoint, find_endpoint
from occystrap_core.model.errors import TransferError, UsageError
from tests.docker.daemon import Daemon, running_on_tcp


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def find(home: Path, socket: str = "", **environ: str) -> Endpoint:
    docker, podman = home / "docker.sock", home / "podman.sock"
    return find_endpoint(socket, {"HOME": str(home), **environ}, docker, podman)


def add_context(home: Path, name: str, host: str, *, verify: bool = True) -> Path:
    """As `docker context create` does; gives the folder of its certificates."""
    contexts, folder = home / ".docker" / "contexts", hashlib.sha256(name.encode()).hexdigest()
    meta = contexts / "meta" / folder
    meta.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": not verify}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    return contexts / "tls" / folder / "docker"


def use_context(home: Path, name: str) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_text(json.dumps({"auths": {}, "currentContext": name}))


class TestWhichOne:
    def test_the_socket_option_comes_first(self, home: Path) -> None:
        found = find(home, "/some/where.sock", DOCKER_HOST="tcp://elsewhere")
        assert (found.location, found.note) == ("/some/where.sock", "")

    def test_the_option_may_be_written_as_docker_writes_it(self, home: Path) -> None:
        assert find(home, "unix:///a.sock").socket == Path("/a.sock")

    @pytest.mark.parametrize(
        ("host", "location"),
        [
            ("unix:///a/b.sock", "/a/b.sock"),
            ("tcp://10.0.0.1:99", "10.0.0.1:99"),
            ("tcp://10.0.0.1", "10.0.0.1:2375"),
            ("10.0.0.1:99", "10.0.0.1:99"),
            ("tcp://[::1]:99", "::1:99"),
        ],
    )
    def test_docker_host(self, home: Path, host: str, location: str) -> None:
        use_context(home, "other")
        assert find(home, DOCKER_HOST=host).location == location

    def test_tls_has_another_port(self, home: Path) -> None:
        assert find(home, DOCKER_HOST="tcp://h", DOCKER_TLS_VERIFY="1").location == "h:2376"

    @pytest.mark.parametrize(
        ("host", "reason"),
        [
            ("ssh://me@host", "ssh is not spoken here.*ssh -L"),
            ("npipe:////./pipe/docker", "no daemon that can be reached"),
            ("tcp://", "is no host"),
            ("tcp://h:x", "is no host"),
            ("unix://", "no daemon that can be reached"),
        ],
    )
    def test_what_cannot_be_reached_is_said(self, home: Path, host: str, reason: str) -> None:
        with pytest.raises(UsageError, match=f"DOCKER_HOST names .*{reason}"):
            find(home, DOCKER_HOST=host)

    def test_the_context_in_use(self, home: Path) -> None:
        add_context(home, "build-box", "tcp://box:2375")
        use_context(home, "build-box")
        found = find(home)
        assert (found.location, found.note) == ("box:2375", "used the docker context 'build-box', tcp://box:2375")

    def test_the_environment_names_a_context(self, home: Path) -> None:
        add_context(home, "rootless", "unix:///run/user/1000/docker.sock")
        assert find(home, DOCKER_CONTEXT="rootless").location == "/run/user/1000/docker.sock"

    def test_the_default_context_is_no_file(self, home: Path) -> None:
        use_context(home, "default")
        assert find(home).location == str(home / "docker.sock")

    def test_a_context_that_is_gone_is_an_error(self, home: Path) -> None:
        use_context(home, "gone")
        with pytest.raises(UsageError, match="docker context 'gone' does not exist"):
            find(home)

    def test_a_damaged_configuration_configures_nothing(self, home: Path) -> None:
        use_context(home, "x")
        (home / ".docker" / "config.json").write_text("{")
        assert find(home).location == str(home / "docker.sock")

    def test_podman_stands_in_for_docker_and_it_is_said(self, home: Path) -> None:
        (home / "podman.sock").touch()
        found = find(home)
        assert found.socket == home / "podman.sock"
        assert found.note == f"there is no {home / 'docker.sock'}, so podman's {home / 'podman.sock'} was used"

    def test_podman_of_the_user(self, home: Path) -> None:
        own = home / "run" / "podman" / "podman.sock"
        own.parent.mkdir(parents=True)
        own.touch()
        assert find(home, XDG_RUNTIME_DIR=str(home / "run")).socket == own

    def test_docker_is_preferred_to_podman(self, home: Path) -> None:
        (home / "podman.sock").touch()
        (home / "docker.sock").touch()
        found = find(home)
        assert (found.socket, found.note) == (home / "docker.sock", "")


def version(endpoint: Endpoint) -> object:
    with closing(DockerClient(endpoint)) as client:
        return client.version["Version"]


class TestNobodyThere:
    def test_no_socket(self, home: Path) -> None:
        with pytest.raises(TransferError, match=r"there is no docker daemon: .*/docker.sock is no socket \(start"):
            version(find(home))

    def test_a_socket_nobody_listens_on(self, short_directory: Path) -> None:
        path = short_directory / "dead.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        with pytest.raises(TransferError, match=f"the daemon at {path} is not running"):
            version(find_endpoint(str(path)))

    def test_a_port_nobody_listens_on(self, home: Path) -> None:
        with pytest.raises(TransferError, match=r"the daemon at 127.0.0.1:1 is not running"):
            version(find(home, DOCKER_HOST="tcp://127.0.0.1:1"))

    def test_a_path_that_is_too_long_for_a_socket(self, home: Path) -> None:
        with pytest.raises(TransferError, match="cannot be reached: AF_UNIX path too long"):
            version(find_endpoint(str(home / ("x" * 200))))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class TestTcp:
    @pytest.fixture
    def certificates(self, authority: trustme.CA, tmp_path: Path) -> Path:
        """As `docker context` and DOCKER_CERT_PATH have them."""
        folder = tmp_path / "certificates"
        folder.mkdir()
        client = authority.issue_cert("client@example.org")
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        client.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        client.private_key_pem.write_to_path(str(folder / "key.pem"))
        return folder

    @pytest.fixture
    def secure_port(self, authority: trustme.CA, daemon: Daemon) -> Iterator[int]:
        """A daemon that talks to nobody without a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        with running_on_tcp(daemon, context) as port:
            yield port

    def test_plain(self, home: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        with running_on_tcp(daemon, None) as port:
            assert version(find(home, DOCKER_HOST=f"tcp://127.0.0.1:{port}")) == "29.0.0"

    def test_with_certificates_on_both_sides(self, home: Path, secure_port: int, certificates: Path) -> None:
        host = f"tcp://127.0.0.1:{secure_port}"
        found = find(home, DOCKER_HOST=host, DOCKER_CERT_PATH=str(certificates), DOCKER_TLS_VERIFY="1")
        assert version(found) == "29.0.0"

    def test_a_context_brings_its_certificates(self, home: Path, secure_port: int, certificates: Path) -> None:
        folder = add_context(home, "secure", f"tcp://127.0.0.1:{secure_port}")
        folder.parent.mkdir(parents=True)
        certificates.rename(folder)
        assert version(find(home, DOCKER_CONTEXT="secure")) == "29.0.0"

    def test_a_daemon_of_another_authority_is_not_trusted(
        self, home: Path, secure_port: int, certificates: Path
    ) -> None:
        trustme.CA().cert_pem.write_to_path(str(certificates / "ca.pem"))
        host = f"tcp://127.0.0.1:{secure_port}"
        with pytest.raises(TransferError, match=r"certificate of the daemon at .* is not trusted.*DOCKER_CERT_PATH"):
            version(find(home, DOCKER_HOST=host, DOCKER_CERT_PATH=str(certificates)))

    def test_unless_a_context_does_not_care(self, home: Path, secure_port: int, certificates: Path) -> None:
        trustme.CA().cert_pem.write_to_path(str(certificates / "ca.pem"))
        folder = add_context(home, "careless", f"tcp://127.0.0.1:{secure_port}", verify=False)
        folder.parent.mkdir(parents=True)
        certificates.rename(folder)
        assert version(find(home, DOCKER_CONTEXT="careless")) == "29.0.0"

    def test_certificates_that_are_none(self, home: Path, certificates: Path) -> None:
        (certificates / "key.pem").write_text("no key")
        with pytest.raises(UsageError, match=f"certificates in {certificates} cannot be used"):
            find(home, DOCKER_HOST="tcp://h", DOCKER_CERT_PATH=str(certificates))
