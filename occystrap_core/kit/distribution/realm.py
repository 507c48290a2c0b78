"""Token realms: a registry names another server, and must not get our password sent anywhere it likes."""

from __future__ import annotations

from collections.abc import Collection

from occystrap_core.kit.distribution.origin import Origin, Url, ip_address
from occystrap_core.model.errors import AccessDenied, TransferError

_SECOND_LEVEL = frozenset(
    {"ac", "co", "com", "edu", "gob", "gov", "gouv", "ltd", "mil", "ne", "net", "nom", "or", "org"}
)


def checked_realm(realm: str, registry: Origin) -> Url:
    """Where to ask for a token: https, or plain HTTP on the registry's own host where that speaks it too."""
    try:
        url = Url.parse(realm)
    except TransferError:
        raise AccessDenied(f"{registry.netloc} wants a login at {realm[:200]!r}, which is no usable URL") from None
    own_plain_host = registry.scheme == "http" and url.origin.host == registry.host
    if url.origin.scheme != "https" and not own_plain_host:
        raise AccessDenied(
            f"{registry.netloc} wants a login at {url.origin} without TLS", hint="that is not done, whoever asks"
        )
    return url


def may_see_credentials(realm: Origin, registry: Origin, allowed_hosts: Collection[str]) -> bool:
    """Whether the realm belongs to whoever runs the registry, or was named by the user."""
    return realm.host == registry.host or realm.host in allowed_hosts or _site(realm.host) == _site(registry.host)


def _site(host: str) -> str:
    """The registrable domain, guessed from below: too long a guess only asks for an explicit permission."""
    labels = host.rstrip(".").split(".")
    if ip_address(host) or len(labels) < 2:
        return host
    is_country = len(labels[-1]) == 2 and len(labels) > 2
    return ".".join(labels[-3:] if is_country and labels[-2] in _SECOND_LEVEL else labels[-2:])
