"""docker-credential-*: programs that hold the credentials of others."""

from __future__ import annotations

import re
import shutil
import subprocess

from occystrap_core.kit.distribution.failures import shown
from occystrap_core.model import strict_json
from occystrap_core.model.errors import AccessDenied, OccystrapError, UsageError

TIMEOUT_SECONDS = 30.0
_NAME = re.compile(r"[a-z0-9._-]{1,64}")
_MAX_ANSWER = 64 * 1024
_NOTHING_STORED = "credentials not found"


def ask_helper(name: str, server: str) -> tuple[str, str] | None:
    """User and secret for `server`, or None where the helper has none."""
    program = _program(name)
    try:
        done = subprocess.run(  # noqa: S603 - the name was checked, and no shell is involved
            [program, "get"], input=server.encode(), capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise AccessDenied(f"docker-credential-{name} did not answer in {TIMEOUT_SECONDS:g} seconds") from None
    except OSError as error:
        raise AccessDenied(f"docker-credential-{name} cannot be run: {error.strerror}") from None
    if not done.returncode:
        return _answer(name, done.stdout)
    words = (done.stdout + done.stderr)[:_MAX_ANSWER].decode("utf-8", "replace")
    if _NOTHING_STORED in words:
        return None
    raise AccessDenied(f"docker-credential-{name} failed: {shown(words)}")


def _program(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{shown(name)!r} is not the name of a credential helper")
    program = shutil.which(f"docker-credential-{name}")
    if program is None:
        raise UsageError(f"the credential helper docker-credential-{name} is not installed")
    return program


def _answer(name: str, output: bytes) -> tuple[str, str] | None:
    try:
        answer = strict_json.loads_object(output, "its answer", _MAX_ANSWER)
    except OccystrapError:
        raise AccessDenied(f"the answer of docker-credential-{name} is not the JSON it should be") from None
    username, secret = answer.get("Username"), answer.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise AccessDenied(f"the answer of docker-credential-{name} has no Username and Secret")
    return (username, secret) if secret else None
