"""Digests, descriptors, documents, platforms and media types."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.model import media_types
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import InvalidDigest, InvalidImage, InvalidJson, UsageError
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.platform import Platform

HEX = "a" * 64


class TestDigest:
    @pytest.mark.parametrize(
        "text",
        [
            *("", HEX, f"sha256:{HEX.upper()}", f"sha256:{HEX}0", f"sha256:{HEX[1:]}", f"sha256:{HEX[1:]}g"),
            *("md5:" + "0" * 32, "sha256:../../../../etc/passwd", f"SHA256:{HEX}", f" sha256:{HEX}"),
            *(f"sha256:{HEX}\n", "sha512:" + HEX, None, 7),
        ],
    )
    def test_only_the_exact_grammar_is_read(self, text: object) -> None:
        with pytest.raises(InvalidDigest):
            Digest.parse(text)

    @given(st.binary(), st.sampled_from(["sha256", "sha512"]))
    def test_a_digest_names_its_bytes_only(self, data: bytes, algorithm: str) -> None:
        digest = Digest.parse(f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")
        assert digest == Digest.of(data, algorithm)
        assert digest.matches(data)
        assert not digest.matches(data + b"\0")


class TestDescriptor:
    def test_every_foreign_key_survives(self) -> None:
        found = {"mediaType": "a/b", "digest": f"sha256:{HEX}", "size": 3, "annotations": {"k": "v"}, "x": [1]}
        descriptor = Descriptor.from_json(found)
        assert descriptor.annotations == {"k": "v"}
        assert descriptor.rewritten(found) == found
        assert descriptor.to_json() == found

    def test_a_rewrite_keeps_the_order_of_keys_and_adds_none(self) -> None:
        found = {"size": 3, "x": 1, "digest": f"sha256:{HEX}"}
        edited = Descriptor.from_json(found).rewritten(found)
        assert list(edited) == ["size", "x", "digest"]

    @pytest.mark.parametrize(
        "found",
        [
            None,
            [],
            {"size": 1},
            {"digest": f"sha256:{HEX}"},
            {"digest": f"sha256:{HEX}", "size": "1"},
            {"digest": f"sha256:{HEX}", "size": 1, "mediaType": 3},
            {"digest": f"sha256:{HEX}", "size": 1, "platform": "linux"},
        ],
    )
    def test_malformed_descriptors_name_their_place(self, found: object) -> None:
        with pytest.raises(InvalidImage):
            Descriptor.from_json(found, "manifest x: layer 2")


class TestDocument:
    def test_an_edit_that_says_nothing_new_is_the_same_document(self) -> None:
        document = Document(b'{ "a" : 1.0 }', "t")
        assert document.edited({"a": 1.0}) is document
        assert document.edited({"a": 2}).raw == b'{"a":2}'

    def test_a_new_type_alone_keeps_the_bytes(self) -> None:
        assert Document(b'{ "a": 1 }', "t").edited({"a": 1}, "u") == Document(b'{ "a": 1 }', "u")

    def test_bad_json_is_an_error_when_it_is_read(self) -> None:
        with pytest.raises(InvalidJson):
            _ = Document(b"{", "t").json


class TestPlatform:
    @pytest.mark.parametrize(
        ("offered", "wanted", "answers"),
        [
            ("linux/arm64/v8", "linux/arm64", True),
            ("linux/arm64", "linux/arm64/v8", True),
            ("linux/arm/v6", "linux/arm", True),
            ("linux/arm/v6", "linux/arm/v7", False),
            ("linux/aarch64", "linux/arm64", True),
            ("linux/x86_64", "linux/amd64", True),
            ("Linux/amd64", "linux/amd64", True),
            ("windows/amd64", "linux/amd64", False),
            ("linux/amd64/v3", "linux/amd64", True),
            ("linux/amd64", "linux/amd64/v3", False),
        ],
    )
    def test_who_may_be_taken_for_whom(self, offered: str, wanted: str, answers: bool) -> None:
        os, architecture, *variant = offered.split("/")
        assert Platform(os, architecture, *variant).answers(Platform.parse(wanted)) is answers

    @pytest.mark.parametrize("text", ["", "linux", "linux/", "a/b/c/d", "/amd64"])
    def test_the_grammar(self, text: str) -> None:
        with pytest.raises(UsageError, match="os/architecture"):
            Platform.parse(text)

    def test_an_exact_fit_is_told_from_an_acceptable_one(self) -> None:
        wanted = Platform.parse("linux/arm")
        assert Platform("linux", "arm", "v7").fits_exactly(wanted)
        assert not Platform("linux", "arm", "v6").fits_exactly(wanted)


class TestMediaTypes:
    @given(st.sampled_from(sorted(media_types._LAYERS)), st.sampled_from(list(Compression)))
    def test_recompression_changes_the_compression_and_nothing_else(self, layer: str, compression: Compression) -> None:
        changed = media_types.recompressed_layer(layer, compression)
        assert media_types.layer_compression(changed) is compression
        assert media_types.recompressed_layer(changed, media_types.layer_compression(layer) or compression) == layer

    @given(
        st.sampled_from(
            sorted({*media_types._LAYERS, *media_types.INDEXES, *media_types.MANIFESTS, *media_types.CONFIGS})
        )
    )
    def test_families_translate_there_and_back(self, media_type: str) -> None:
        home = media_types.family_of(media_type)
        assert home is not None
        for family in Family:
            translated = media_types.in_family(media_type, family)
            assert media_types.family_of(translated) is family
            assert media_types.in_family(translated, home) == media_type

    def test_foreign_types_stay(self) -> None:
        assert media_types.in_family("application/vnd.in-toto+json", Family.DOCKER) == "application/vnd.in-toto+json"
