"""TLS for a server, with a certificate that exists in memory only."""

from __future__ import annotations

import ssl
import tempfile

from occystrap_core.kit.certificates.self_signed import Certificate


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """TLS 1.2 and newer. The key is in a file, which nobody else can read, while it is loaded only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # OpenSSL reads keys from files only.
    with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".pem") as file:
        file.write(certificate.key + certificate.certificate)
        file.flush()
        context.load_cert_chain(file.name)
    return context
