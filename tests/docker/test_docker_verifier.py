"""What the verifier of docker:// makes of a daemon's answers, and the output of what it says while it loads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from occystrap_core.contracts import Depth, Finding, Severity
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import LimitExceeded, OccystrapError, TransferError
from occystrap_core.testing.build import BuiltImage, build_image, layer_tar
from occystrap_core.testing.memory import MemoryInput
from tests import peers
from tests.docker.daemon import NAME, Daemon, inspected
from tests.docker.moves import load

OTHER = Digest.of(b"something else")
Look = Callable[..., list[tuple[str, Severity]]]


@pytest.fixture
def image() -> BuiltImage:
    return build_image([layer_tar(("a", "content 1")), layer_tar(("b", "content 2"))])


@pytest.fixture
def look(daemon: Daemon, image: BuiltImage) -> Look:
    """The findings where the daemon says this of the image by then."""

    def findings(said: Mapping[str, Any] | None, depth: Depth = Depth.FULL) -> list[tuple[str, Severity]]:
        def meanwhile() -> None:
            if said is not None:
                daemon.has(said, b"")

        outcome = load(MemoryInput(image), NAME, daemon.socket, depth=depth, meanwhile=meanwhile)
        return [(finding.check, finding.severity) for finding in outcome.findings]

    return findings


IMAGE_ERROR, LAYER_ERROR = ("verify.image", Severity.ERROR), ("verify.layer", Severity.ERROR)
NOT_ASKED = [("verify.daemon", Severity.WARNING)]


class TestWhatItSays:
    def test_404_is_an_error(self, look: Look) -> None:
        assert look(None) == [IMAGE_ERROR]

    def test_the_digest_of_the_config_or_of_the_manifest_is_right(self, look: Look, image: BuiltImage) -> None:
        for right in (image.config.digest, image.root.digest):
            assert look(inspected(image, right)) == []

    def test_podman_writes_it_without_the_algorithm(self, look: Look, image: BuiltImage) -> None:
        assert look({**inspected(image, OTHER), "Id": image.config.digest.hex}) == []

    @pytest.mark.parametrize("depth", list(Depth))
    def test_any_other_id_is_an_error(self, look: Look, image: BuiltImage, depth: Depth) -> None:
        assert look(inspected(image, OTHER), depth) == [IMAGE_ERROR]

    @pytest.mark.parametrize("change", ["turned", "short", "long", "other", "none"])
    def test_other_layers_are_an_error_to_who_looks_at_them(self, look: Look, image: BuiltImage, change: str) -> None:
        said = inspected(image, image.config.digest)
        right = said["RootFS"]["Layers"]
        wrong = {
            "turned": right[::-1], "short": right[:1], "long": [*right, str(OTHER)],
            "other": [right[0], str(OTHER)], "none": None,
        }  # fmt: skip
        said["RootFS"] = {"Type": "layers", "Layers": wrong[change]}
        assert look(said) == [LAYER_ERROR]
        assert look(said, Depth.QUICK) == []

    @pytest.mark.parametrize(
        "said", [{}, {"Id": "sha256:../../x"}, {"Id": None}, {"Id": str(OTHER), "RootFS": {"Layers": ["nonsense"]}}]
    )
    def test_nonsense_is_a_warning(self, look: Look, said: Mapping[str, Any]) -> None:
        assert look(said) == NOT_ASKED


class TestWhoCannotBeAsked:
    def test_a_daemon_that_is_gone_is_a_warning(self, daemon: Daemon, image: BuiltImage) -> None:
        found = load(MemoryInput(image), NAME, daemon.socket, meanwhile=daemon.socket.unlink).findings
        assert [(finding.check, finding.severity) for finding in found] == NOT_ASKED
        assert "could not be asked" in found[0].message

    def test_so_is_a_real_one_that_was_stopped(self, short_directory: Any, image: BuiltImage) -> None:
        peers.require("podman")
        with peers.running_podman_service(peers.Podman(short_directory)) as socket:
            found = load(MemoryInput(image), NAME, socket, meanwhile=socket.unlink).findings
        assert _checks(found) == NOT_ASKED

    def test_a_daemon_that_answers_with_an_error_is_a_warning(
        self, daemon: Daemon, look: Look, image: BuiltImage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Broken(dict[str, Any]):
            def __contains__(self, name: object) -> bool:
                raise RuntimeError("the handler dies, and the connection with it")

        def meanwhile() -> None:
            monkeypatch.setattr(daemon, "images", Broken())

        found = load(MemoryInput(image), NAME, daemon.socket, meanwhile=meanwhile).findings
        assert _checks(found) == NOT_ASKED


def _checks(found: tuple[Finding, ...]) -> list[tuple[str, Severity]]:
    return [(finding.check, finding.severity) for finding in found]


class TestLinesOfALoad:
    """They come with status 200: only their words say whether it worked."""

    @pytest.mark.parametrize(
        "said",
        [
            b'{"error":"it broke"}',
            b'{"error":"it broke"}\r\n',
            b'{"errorDetail":{"code":1,"message":"it broke"}}\n',
            b'{"errorDetail":{"message":"it broke"},"error":"something shorter"}\n',
            b'{"stream":"Loaded image: a:b\\n"}\n{"error":"it broke"}\n',
            b'{"error":"it broke"}\n{"stream":"Loaded image: a:b\\n"}\n',
            b'{"status":"Loading","progressDetail":{"current":1},"progress":"[=> ]","id":"x"}\n{"error":"it broke"}',
            b'\n\nno json at all\n{"error":"it broke"}\n',
        ],
    )
    def test_an_error_anywhere_is_one(self, daemon: Daemon, image: BuiltImage, said: bytes) -> None:
        daemon.load_says = said
        with pytest.raises(TransferError, match=r"^destination: .* cannot load the image: it broke$"):
            load(MemoryInput(image), NAME, daemon.socket)

    @pytest.mark.parametrize(
        "said",
        [
            b"",
            b"\n",
            b"no json\n",
            b'{"stream":"Loaded image: a:b\\n"}',
            b'{"error":""}\n',
            b'{"errorDetail":null}',
            b"[]\n",
        ],
    )
    def test_everything_else_is_none(self, daemon: Daemon, image: BuiltImage, said: bytes) -> None:
        daemon.load_says = said
        daemon.has(inspected(image, image.config.digest), b"")
        assert load(MemoryInput(image), NAME, daemon.socket).findings == ()

    def test_a_line_without_end_is_not_waited_for(self, daemon: Daemon, image: BuiltImage) -> None:
        daemon.load_says = b'{"stream":"' + b"x" * (3 << 20)
        with pytest.raises(LimitExceeded, match="sends a line longer than"):
            load(MemoryInput(image), NAME, daemon.socket)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
    def test_a_refusal_is_shown_with_its_words(self, daemon: Daemon, image: BuiltImage, status: int) -> None:
        daemon.load_status, daemon.load_says = status, json.dumps({"message": "not today"}).encode()
        with pytest.raises(OccystrapError, match=f"{status}: not today"):
            load(MemoryInput(image), NAME, daemon.socket)
