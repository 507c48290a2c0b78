"""What went wrong on the way to a registry, in words, and whether another attempt may help."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException, IncompleteRead

from occystrap_core.model import strict_json
from occystrap_core.model.errors import InvalidJson, TransferError

MAX_ERROR_BODY = 64 * 1024
_MAX_SHOWN = 300


class Transient(TransferError):
    """Another attempt may help. `after` is what the server asked us to wait, in seconds."""

    after: float | None = None
    is_rate_limit = False


def network_failure(error: OSError | HTTPException, host: str) -> TransferError:
    """An error of the socket, of TLS or of the HTTP syntax, in one sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransferError(
            f"the certificate of {host} is not trusted: {error.verify_message}",
            hint="SSL_CERT_FILE names a file with your own authorities",
        )
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return TransferError(
            f"{host} does not speak TLS", hint="plain HTTP is asked for by --insecure or ?insecure=true"
        )
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return TransferError(f"there is no host {host}: {error.strerror}")
    if isinstance(error, HTTPException) and not isinstance(error, (IncompleteRead, ConnectionError)):
        return TransferError(f"{host} does not answer in HTTP: {shown(str(error) or type(error).__name__)}")
    return Transient(_interruption(error, host))


def _interruption(error: OSError | HTTPException, host: str) -> str:
    if isinstance(error, TimeoutError):
        return f"{host} did not answer in time" if str(error) in ("", "timed out") else f"{host} is too slow: {error}"
    if isinstance(error, IncompleteRead):
        return f"{host} closed the connection in the middle of an answer"
    if isinstance(error, ConnectionRefusedError):
        return f"{host} refuses the connection"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"the connection to {host} failed: {shown(reason or str(error) or type(error).__name__)}"


def server_words(body: bytes) -> str:
    """What the body of a refusal says, made safe for a terminal; empty when it says nothing."""
    try:
        parsed = strict_json.loads(body)
    except InvalidJson:
        return shown(body.decode("utf-8", "replace").strip())
    errors = parsed.get("errors") if isinstance(parsed, dict) else None
    words = [_one_error(error) for error in errors] if isinstance(errors, list) else [_details(parsed)]
    return shown("; ".join(word for word in words if word))


def _one_error(error: object) -> str:
    if not isinstance(error, dict):
        return ""
    return ": ".join(str(error[key]) for key in ("code", "message") if error.get(key))


def _details(parsed: object) -> str:
    if not isinstance(parsed, dict):
        return ""
    return next(
        (str(parsed[key]) for key in ("details", "message", "error_description", "error") if parsed.get(key)), ""
    )


def shown(text: str) -> str:
    """`text` in one line without control characters, cut where it gets long."""
    line = " ".join(text[: 2 * _MAX_SHOWN].split())
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
    return safe if len(safe) <= _MAX_SHOWN else f"{safe[:_MAX_SHOWN]}…"
