"""Secrets in what anybody can read: by their form, never by the names of variables."""

from __future__ import annotations

import hashlib
import secrets

import pytest

from occystrap_checks.config.secret_text import is_random, known_secret, masked
from tests.checks.broken import configured, edited, found, image

# Put together at run time, so that no scanner takes this file for a leak.
TOKENS = {
    "a GitHub token": "ghp" + "_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "a GitLab token": "glpat" + "-" + "aBcDeFgHiJkLmNoPqRsT",
    "an AWS access key": "AKIA" + "QWERTYUIOPASDFGH",
    "a Slack token": "xoxb" + "-" + "123456789012-123456789012-abcdefABCDEF",
    "a Stripe key": "sk_live" + "_" + "a1B2c3D4e5F6g7H8i9J0k1L2",
    "an npm token": "npm" + "_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "a signed token (JWT)": "eyJhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0NSJ9" + "." + "dBjftJeZ4CVP-mB92K27uhbU",
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a password in a URL": "postgres://app:" + "s3cr3t-Value" + "@db:5432/app",
}
HARMLESS = [
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "E3FF2839C048B25C084DEBE9B26995E310250568",
    hashlib.sha256(b"x").hexdigest(),
    "sha512-" + "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    "3.12.4-slim-bookworm-20240701",
    "/nix/store/0c1p5z4bpxbxb9l8fqwxhsx6bz1jv1a8-nginx-1.26.1/bin",
    "https://github.com/example/thing/releases/download/v1.2.3/thing_Linux_x86_64.tar.gz",
    "https://example.com/?q=a@b",
    "JavaScriptRuntimeEnvironmentV8Engine20",
    "com.example.MyApplicationServerFactoryImpl2",
    "-XX:+UseContainerSupport -XX:MaxRAMPercentage=75.0",
    "http://${USER}:${PASSWORD}@host",
    "ghp" + "_" + "x" * 36,
    "",
]


@pytest.mark.parametrize("kind", TOKENS)
def test_a_known_token_is_found_in_a_variable_and_in_a_command(kind: str) -> None:
    variable = configured(Env=[f"HARMLESS={TOKENS[kind]}"])
    command = edited(
        image(), config=lambda json: json["history"][0].update(created_by=f"RUN |1 X={TOKENS[kind]} /bin/sh -c x")
    )
    for content, rule in ((variable, "secret-in-env"), (command, "secret-in-history")):
        (finding,) = found(content)
        assert (finding.check, str(finding.severity)) == (rule, "warning")
        assert kind in finding.message


def test_what_only_chance_can_have_written_is_found() -> None:
    value = "q7Zk2Vn9XbR4tLw8Pj3YcM6sHd5F"
    (finding,) = found(configured(Env=[f"GREETING={value}"]))
    assert finding.check == "secret-in-env" and "GREETING holds what looks like a random value" in finding.message
    step = edited(image(), config=lambda json: json["history"][0].update(created_by=f"RUN |1 X='{value}' /bin/sh"))
    assert [each.check for each in found(step)] == ["secret-in-history"]


@pytest.mark.parametrize("text", HARMLESS)
def test_paths_hashes_versions_and_names_are_harmless(text: str) -> None:
    assert known_secret(text) is None and not is_random(text)
    command = edited(image(), config=lambda json: json["history"][0].update(created_by=f"RUN X={text} /bin/sh -c x"))
    assert found(configured(Env=[f"PASSWORD={text}"])) == found(command) == []


def test_most_random_values_of_usual_length_are_found() -> None:
    values = [secrets.token_urlsafe(32) for _ in range(200)]
    assert sum(map(is_random, values)) > 170


def test_a_message_never_repeats_the_secret() -> None:
    for secret in TOKENS.values():
        (finding,) = found(configured(Env=[f"X={secret}"]))
        assert secret not in finding.message
        assert masked(secret) in finding.message or "password in a URL" in finding.message


def test_a_long_command_takes_no_long_time() -> None:
    command = "RUN " + "a=" * 50_000 + "eyJ" * 50_000 + "://" * 50_000
    assert found(edited(image(), config=lambda json: json["history"][0].update(created_by=command))) == []
