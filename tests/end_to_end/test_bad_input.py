"""Whatever is wrong with what a user asks for: one line, the side it came from, and an exit code."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from occystrap_core.model.digest import Digest
from occystrap_core.testing.build import build_image, layer_tar
from occystrap_core.testing.registry import BasicGate, EmbeddedRegistry, Fault, TokenGate
from tests.end_to_end.conftest import Run
from tests.end_to_end.images import IMAGE, several, write_layout
from tests.peers import free_port, require_root, run_cli

USAGE, FAILED = 2, 3
Fails = Callable[..., str]


@pytest.fixture
def fails(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fails:
    """The single line of a run that fails with this code and leaves everything as it was."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def fail(code: int, *arguments: str) -> str:
        before = sorted(work.rglob("*"))
        ran = run("process", "--retries", "0", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert ran.err.startswith("Error: "), ran.err
        assert ran.err.count("\n") == 1
        assert "internal error" not in ran.err
        assert sorted(work.rglob("*")) == before
        return ran.err.removeprefix("Error: ").rstrip("\n")

    return fail


@pytest.fixture
def embedded() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "app", "v1")
        yield registry


class TestNames:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("regisrty://x/y", "tar://a.tar"), "unknown source scheme 'regisrty' (did you mean 'registry'?"),
            (("sample://", "ocdir://x"), "unknown destination scheme 'ocdir' (did you mean 'ocidir'?"),
            (("sample://", "tra:x"), "unknown destination scheme 'tra' (did you mean 'tar'?"),
            (("busybox", "tar://a.tar"), "'busybox' is not a URI"),
            (("", "tar://a.tar"), "'' is not a URI"),
            (("sample://", "://x"), "is not a URI"),
            (("sample://", "tar://a.tar", "-f", "normalise-timestamps"), "did you mean 'normalize-timestamps'?"),
            (("sample://", "tar://a.tar", "-f", "exclude:patern=x"), "did you mean 'pattern'?"),
            (("sample://", "tar://a.tar", "-f", "exclude:x"), "filter 'exclude'"),
            (("sample://", "tar://a.tar", "-f", "exclude:pattern="), "filter 'exclude'"),
            (("sample://", "tar://a.tar", "-f", "search:pattern=(,regex=true"), "filter 'search'"),
            (("sample://", "tar://a.tar", "-f", "inspect"), "option 'file' is missing"),
            (("sample://", "tar://a.tar", "-f", ""), ""),
            (("sample://", "tar://a.tar", "-f", ":x=1"), ""),
            (("sample://?layrs=1", "tar://a.tar"), "source: sample://: there is no option 'layrs' (did you mean"),
            (("sample://", "tar://a.tar?compresion=gzip"), "did you mean 'compression'?"),
            (("sample://", "registry://h/x?insecure=maybe"), "option 'insecure': 'maybe'"),
            (("sample://", "dir://x?expand=perhaps"), "option 'expand': 'perhaps' is neither true nor false"),
            (("sample://", "tar://"), "needs a path"),
            (("sample://", "ocidir://"), "needs a path"),
            (("registry://", "tar://a.tar"), "names no image"),
            (("registry://host", "tar://a.tar"), "names no image"),
            (("registry://host/UPPER", "tar://a.tar"), "is not a repository name"),
            (("registry://host/a:b:c", "tar://a.tar"), "is not a tag"),
            (("registry://host/a@sha256:abc", "tar://a.tar"), "is not a digest"),
            (("registry://ho st/a", "tar://a.tar"), "is not a host"),
            (("registry://host:99999/a", "tar://a.tar"), "is not a host"),
            (("registry://[::1/a", "tar://a.tar"), "is not a host"),
            (("--platform", "arm64", "sample://", "tar://a.tar"), "'arm64' is not a platform"),
            (("--compression", "xz", "sample://", "tar://a.tar"), "'xz' is not one of"),
            (("--nonsense", "sample://", "tar://a.tar"), "No such option '--nonsense'"),
            (("sample://", "tar://a.tar", "third"), "third"),
            (("sample://",), "Missing argument 'DESTINATION'"),
        ],
        ids=str,
    )  # fmt: skip
    def test_what_cannot_be_meant(self, fails: Fails, arguments: tuple[str, ...], says: str) -> None:
        assert says in fails(USAGE, *arguments)

    def test_control_characters_of_the_command_line_are_shown_harmlessly(self, fails: Fails) -> None:
        said = fails(USAGE, "sample://", "tar://a.tar", "-f", "ex\x1b[31mclude")
        assert "\x1b" not in said


class TestFiles:
    def test_what_is_not_there(self, fails: Fails) -> None:
        for scheme in ("tar", "ocidir", "dir"):
            assert fails(FAILED, f"{scheme}://missing", "tar://a.tar") == "source: missing does not exist"
        assert fails(FAILED, "sample://", "tar://no/folder/a.tar").startswith("destination: the folder no/folder")
        assert "missing" in fails(USAGE, "sample://", "--temp-dir", "missing", "tar://a.tar")

    def test_what_is_something_else(self, fails: Fails, tmp_path: Path) -> None:
        folder, file = tmp_path / "folder", tmp_path / "file"
        folder.mkdir()
        file.write_text("text\n")
        for source, code, says in (
            (f"tar://{folder}", USAGE, "is a directory"),
            (f"tar://{file}", FAILED, "is not an image archive"),
            (f"ocidir://{folder}", FAILED, "has no oci-layout"),
            (f"ocidir://{file}", FAILED, "is not a directory"),
            (f"dir://{folder}", FAILED, "manifest"),
            (f"dir://{file}", FAILED, "is not a directory"),
        ):
            said = fails(code, source, "tar://a.tar")
            assert said.startswith("source: ")
            assert says in said, said
        for destination in (f"tar://{folder}", f"ocidir://{file}", f"dir://{file}"):
            assert fails(USAGE, "sample://", destination).startswith("destination: ")

    @pytest.mark.peer("setpriv")
    def test_what_may_not_be_read_or_written(self, tmp_path: Path) -> None:
        """As root who lost the power over other people's files, or root would be let in everywhere."""
        require_root("giving files away")
        source, locked = tmp_path / "a.tar", tmp_path / "locked"
        assert run_cli("process", "sample://", f"tar://{source}").returncode == 0
        locked.mkdir()
        for path in (source, locked):
            path.chmod(0o700)
            os.chown(path, 65534, 65534)
        lost = "-dac_override,-dac_read_search"
        powerless = ["setpriv", f"--inh-caps={lost}", f"--bounding-set={lost}"]
        for arguments in (
            (f"tar://{source}", f"tar://{tmp_path}/b.tar"),
            ("sample://", f"tar://{locked}/b.tar"),
            ("sample://", f"ocidir://{locked}/layout"),
            ("sample://", f"dir://{locked}/dir"),
            (f"ocidir://{locked}", f"tar://{tmp_path}/b.tar"),
            (f"dir://{locked}", f"tar://{tmp_path}/b.tar"),
        ):
            command = [*powerless, sys.executable, "-m", "occystrap_core", "process", *arguments]
            done = subprocess.run(command, capture_output=True, text=True)
            assert (done.returncode, done.stderr.count("\n")) == (FAILED, 1), done.stderr
            assert "Permission denied" in done.stderr
            assert list(locked.iterdir()) == []

    def test_an_archive_that_is_cut_short_or_damaged(self, fails: Fails, run: Run, tmp_path: Path) -> None:
        source = tmp_path / "a.tar"
        assert run("process", "sample://?layers=2&files=2&size=9000", f"tar://{source}").code == 0
        whole = source.read_bytes()
        for name, content in (
            ("cut", whole[: len(whole) // 2]),
            ("head", whole[:700]),
            ("flip", whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:]),
            ("empty", b""),
            ("gzip", b"\x1f\x8b\x08\x00"),
        ):
            (tmp_path / name).write_bytes(content)
            assert fails(FAILED, f"tar://{tmp_path}/{name}", "ocidir://out").startswith("source: ")

    def test_an_image_that_is_not_in_it(self, fails: Fails, run: Run, tmp_path: Path) -> None:
        for scheme in ("tar", "ocidir", "dir"):
            target = f"{scheme}://{tmp_path}/{scheme}"
            assert run("process", "sample://app:1", target).code == 0
            assert "nobody" in fails(FAILED, f"{target}?ref=nobody", "tar://a.tar")


class TestPlatforms:
    @pytest.mark.parametrize("asked", ["linux/s390x", "windows/amd64", "linux/arm64/v9"])
    @pytest.mark.parametrize("destination", ["tar://a.tar", "ocidir://out"])
    def test_none_that_matches(self, fails: Fails, tmp_path: Path, asked: str, destination: str) -> None:
        source = write_layout(tmp_path / "in", several())
        said = fails(FAILED, source, destination, "--platform", asked)
        assert said == f"source: no image for {asked} (it has linux/amd64, linux/arm64/v8)"
        assert "linux/s390x" in fails(
            FAILED, source, destination, "--platform", "linux/amd64", "--platform", "linux/s390x"
        )

    def test_more_images_than_fit(self, fails: Fails, tmp_path: Path) -> None:
        source = write_layout(tmp_path / "in", several())
        for destination in ("tar://a.tar", "dir://out"):
            assert fails(USAGE, source, destination, "--all-platforms").startswith("destination: it holds one image")


class TestRegistries:
    @pytest.mark.parametrize("side", ["source", "destination"])
    def test_nobody_is_there(self, fails: Fails, side: str) -> None:
        there = f"registry://127.0.0.1:{free_port()}/app"
        arguments = (there, "tar://a.tar") if side == "source" else ("sample://", there)
        began = time.monotonic()
        assert fails(FAILED, *arguments).startswith(f"{side}: 127.0.0.1:")
        assert time.monotonic() - began < 10

    def test_no_such_host(self, fails: Fails) -> None:
        assert "there is no host" in fails(FAILED, "registry://registry.invalid/app", "tar://a.tar")

    def test_retries_end(self, run: Run, tmp_path: Path) -> None:
        began = time.monotonic()
        ran = run("process", "--retries", "2", f"registry://127.0.0.1:{free_port()}/app", f"tar://{tmp_path}/a.tar")
        assert ran.code == FAILED
        assert "given up after 3 attempts" in ran.err
        assert time.monotonic() - began < 10

    @pytest.mark.parametrize("side", ["source", "destination"])
    def test_another_kind_of_server(self, fails: Fails, side: str) -> None:
        server = QuietServer(("127.0.0.1", 0), Website)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        there = f"registry://127.0.0.1:{server.server_address[1]}/app:v1"
        try:
            assert fails(FAILED, *((there, "tar://a") if side == "source" else ("sample://", there))).startswith(side)
        finally:
            server.shutdown()
            server.server_close()

    @pytest.mark.parametrize(
        "greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"", b"\xff" * 100]
    )
    def test_no_http_server_at_all(self, fails: Fails, greeting: bytes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def greet() -> None:
                while True:
                    try:
                        connection, _ = listening.accept()
                    except OSError:
                        return
                    with connection:
                        connection.recv(1000)
                        connection.sendall(greeting)

            thread = threading.Thread(target=greet)
            thread.start()
            assert fails(FAILED, f"registry://127.0.0.1:{listening.getsockname()[1]}/app", "tar://a.tar")
            listening.shutdown(socket.SHUT_RDWR)
        thread.join()

    def test_tls_where_there_is_none(self, fails: Fails, embedded: EmbeddedRegistry) -> None:
        said = fails(FAILED, f"registry://{embedded.host}/app:v1?insecure=false", "tar://a.tar")
        assert "does not speak TLS" in said

    def test_an_image_that_is_not_there(self, fails: Fails, embedded: EmbeddedRegistry) -> None:
        for name in ("app:v2", "nobody:v1", f"app@{Digest.of(b'nothing')}"):
            said = fails(FAILED, f"registry://{embedded.host}/{name}", "tar://a.tar")
            assert said.startswith("source: ")
            assert "does not have the manifest" in said

    @pytest.mark.parametrize(
        ("status", "says"), [(401, " offers no way at all to log in"), (403, " denies access to ")]
    )
    @pytest.mark.parametrize("side", ["source", "destination"])
    def test_access_denied(self, fails: Fails, embedded: EmbeddedRegistry, side: str, status: int, says: str) -> None:
        embedded.fail(Fault(times=None, status=status))
        there = f"registry://{embedded.host}/app:v1"
        said = fails(FAILED, *((there, "tar://a.tar") if side == "source" else ("sample://", there)))
        assert said.startswith(f"{side}: {embedded.host}{says}")

    @pytest.mark.parametrize(
        "gate", [BasicGate({"ann": "secret"}), TokenGate({"ann": "secret"})], ids=["basic", "token"]
    )
    @pytest.mark.parametrize("login", ["", "ann:wrong@", "bob:secret@"])
    def test_a_login_that_is_refused(
        self, fails: Fails, embedded: EmbeddedRegistry, gate: BasicGate | TokenGate, login: str
    ) -> None:
        embedded.gate = gate
        for arguments in (
            (f"registry://{login}{embedded.host}/app:v1", "tar://a.tar"),
            ("sample://", f"registry://{login}{embedded.host}/app:v1"),
        ):
            said = fails(FAILED, *arguments)
            assert "wrong" not in said and "secret" not in said

    @pytest.mark.parametrize("status", [400, 404, 405, 413, 418, 500, 503])
    def test_a_push_that_is_refused(self, fails: Fails, embedded: EmbeddedRegistry, status: int) -> None:
        for method, path in (("POST", "/blobs/uploads"), ("PUT", "/blobs/uploads"), ("PUT", "/manifests/")):
            embedded.faults.clear()
            embedded.fail(
                Fault(
                    method, path, times=None, status=status, body=b'{"errors":[{"code":"NO","message":"\x1b[31mno"}]}'
                )
            )
            said = fails(FAILED, "sample://", f"registry://{embedded.host}/other:v1")
            assert said.startswith("destination: ")
            assert "\x1b" not in said
            assert embedded.store.repository("other").tags == {}

    @pytest.mark.parametrize("filters", [(), ("-f", "normalize-timestamps")], ids=["unfiltered", "filtered"])
    @pytest.mark.parametrize(
        "fault",
        [
            Fault("GET", "/blobs/", times=None, flip=100),
            Fault("GET", "/blobs/", times=None, cut_after=100),
            Fault("GET", "/blobs/", times=None, cut_after=100, reset=True),
            Fault("GET", "/blobs/", times=None, cut_after=100, ignore_range=True),
            Fault("GET", "/blobs/", times=None, status=404),
            Fault("GET", "/blobs/", times=None, status=500),
            Fault("GET", "/blobs/", times=None, headers={"Content-Length": "5"}),
            Fault("GET", "/manifests/", times=None, flip=20),
            Fault("GET", "/manifests/", times=None, cut_after=20),
            Fault("GET", "/manifests/", times=None, headers={"Docker-Content-Digest": "sha256:" + "0" * 64}),
        ],
        ids=str,
    )
    def test_what_arrives_damaged(
        self, fails: Fails, embedded: EmbeddedRegistry, fault: Fault, filters: tuple[str, ...]
    ) -> None:
        layer = IMAGE.layers[1].descriptor.digest
        embedded.fail(fault if "manifests" in fault.path else Fault(**{**fields(fault), "path": str(layer)}))
        for destination in ("tar://a.tar", "ocidir://out"):
            said = fails(FAILED, f"registry://{embedded.host}/app:v1", destination, *filters)
            assert said.startswith("source: ")

    def test_a_blob_that_the_registry_lost(self, fails: Fails, embedded: EmbeddedRegistry) -> None:
        lost = IMAGE.layers[1].descriptor.digest
        del embedded.store.repository("app").blobs[str(lost)]
        said = fails(FAILED, f"registry://{embedded.host}/app:v1", "tar://a.tar")
        assert said.startswith("source: ")
        assert str(lost) in said

    def test_a_digest_that_the_result_does_not_have(self, fails: Fails, embedded: EmbeddedRegistry) -> None:
        other = build_image([layer_tar(("a", "b"))]).root.digest
        said = fails(FAILED, f"registry://{embedded.host}/app:v1", f"registry://{embedded.host}/other@{other}")
        assert said.startswith("destination: ")
        assert embedded.store.repository("other").manifests == {}


class Website(http.server.BaseHTTPRequestHandler):
    """Answers everything with a page, as a proxy or a home page does."""

    def do_GET(self) -> None:
        page = b"<!doctype html><html><body>\x1b[31mWelcome!</body></html>"
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has seen enough is nothing to print."""


def fields(fault: Fault) -> dict[str, object]:
    return {name: getattr(fault, name) for name in fault.__dataclass_fields__}
