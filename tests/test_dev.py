"""The `dev` script: what it does before there is anything but Python."""

from __future__ import annotations

import hashlib
import http.server
import importlib.machinery
import importlib.util
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import trustme

from tests.peers import REPOSITORY_ROOT

SCRIPT = REPOSITORY_ROOT / "dev"
PAYLOAD = b"as if it were a wheel"


@pytest.fixture
def dev(monkeypatch):
    """The script as a module; it leaves no bytecode beside itself."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("dev", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("dev", loader))
    loader.exec_module(module)
    return module


@pytest.fixture(params=["http", "https"])
def url(request) -> Iterator[str]:
    """Where the payload is; over https, with a certificate that nobody trusts."""

    class Payload(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PAYLOAD)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Payload) as server:
        if request.param == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"{request.param}://127.0.0.1:{server.server_port}/it.whl"
        server.shutdown()
        thread.join()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("nonsense",), 2), (("--help",), 0)])
def test_it_says_what_it_can_do(arguments, code):
    done = run(*arguments)
    assert done.returncode == code
    assert "./dev demo" in done.stdout


def test_it_needs_nothing_but_the_standard_library():
    done = subprocess.run([sys.executable, "-I", "-S", SCRIPT, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_download_must_be_what_its_hash_says(dev, url):
    assert dev.download(url, hashlib.sha256(PAYLOAD).hexdigest()) == PAYLOAD
    with pytest.raises(OSError, match="not what they should be"):
        dev.download(url, hashlib.sha256(b"other").hexdigest())


def test_a_python_without_pip_and_without_network_is_told_what_to_install(dev, tmp_path, monkeypatch):
    monkeypatch.setattr(dev, "VENV", tmp_path / "venv")
    monkeypatch.setattr(dev, "PYTHON", tmp_path / "venv" / "bin" / "python")
    monkeypatch.setattr(dev, "PIP_URL", "http://127.0.0.1:9/pip.whl")
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        dev.make_venv()
    assert not (tmp_path / "venv").exists()


def test_what_is_installed_once_is_not_installed_again(dev, tmp_path, monkeypatch):
    monkeypatch.setattr(dev, "VENV", tmp_path)
    (tmp_path / "installed-dev").write_text(dev.fingerprint())
    monkeypatch.setattr(dev, "run", lambda *command: pytest.fail("nothing needs to run"))
    dev.set_up("dev")


def test_another_pyproject_means_another_installation(dev, tmp_path, monkeypatch):
    before = dev.fingerprint()
    (tmp_path / "occystrap_core").mkdir()
    (tmp_path / "occystrap_core" / "_version.py").write_bytes(
        (REPOSITORY_ROOT / "occystrap_core" / "_version.py").read_bytes()
    )
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    assert dev.fingerprint() != before
