"""HTTP proxies, as the environment names them (https_proxy, http_proxy, all_proxy, no_proxy)."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import field
from urllib.parse import unquote, urlsplit

from occystrap_core.kit.distribution.origin import Origin
from occystrap_core.model.errors import UsageError
from occystrap_core.model.value import value


@value
class Proxy:
    host: str
    port: int
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def proxy_for(origin: Origin) -> Proxy | None:
    """The proxy to this origin. This machine itself is never reached through one."""
    url = _variable(f"{origin.scheme}_proxy") or _variable("all_proxy")
    if not url or origin.is_loopback or _is_exempt(origin, _variable("no_proxy")):
        return None
    return _read(url, origin.scheme)


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper()) or ""


def _is_exempt(origin: Origin, exceptions: str) -> bool:
    for exception in (part.strip().lower().lstrip("*.") for part in exceptions.split(",")):
        host, _, port = exception.rpartition(":") if exception.count(":") == 1 else (exception, "", "")
        if exceptions.strip() == "*" or (host and _below(origin.host, host) and port in ("", str(origin.port))):
            return True
    return False


def _below(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _read(url: str, scheme: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or parts.scheme != "http":
        raise UsageError(
            f"the {scheme} proxy that the environment names is not usable", hint="write it as http://host:port"
        )
    return Proxy(host, port or 80, _authorization(parts.username, parts.password))


def _authorization(username: str | None, password: str | None) -> tuple[tuple[str, str], ...]:
    if not username:
        return ()
    secret = b64encode(f"{unquote(username)}:{unquote(password or '')}".encode()).decode()
    return (("Proxy-Authorization", f"Basic {secret}"),)
