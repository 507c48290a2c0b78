"""Texts that are secrets by their form: the known prefixes of tokens, and what only chance can have written."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache
from itertools import pairwise

_KNOWN = (
    ("a GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,}"),
    ("a GitHub token", r"github_pat_[A-Za-z0-9_]{50,}"),
    ("a GitLab token", r"gl(?:pat|ptt|dt|rt|cbt|soat)-[A-Za-z0-9_-]{20,}"),
    ("an AWS access key", r"(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("a Google API key", r"AIza[A-Za-z0-9_-]{35}"),
    ("a Slack token", r"xox[abeoprs]-[A-Za-z0-9-]{20,}"),
    ("a Stripe key", r"[rs]k_live_[A-Za-z0-9]{20,}"),
    ("an npm token", r"npm_[A-Za-z0-9]{36}"),
    ("a PyPI token", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
    ("a Docker Hub token", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    ("a Hugging Face token", r"hf_[A-Za-z0-9]{30,}"),
    ("a SendGrid key", r"SG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,}"),
    ("an OpenAI or Anthropic key", r"sk-(?:proj-|ant-|svcacct-)[A-Za-z0-9_-]{30,}"),
    ("a DigitalOcean token", r"do[opr]_v1_[a-f0-9]{64}"),
    ("a signed token (JWT)", r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("an Azure storage key", r"AccountKey=[A-Za-z0-9+/]{80,}={0,2}"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("a password in a URL", r"[a-z][a-z0-9+.-]*://[^\s:/@'\"$]+:(?P<secret>[^\s:/@'\"$]{3,})@"),
)
_RANDOM = re.compile(r"[A-Za-z0-9+/_-]{24,128}={0,2}")
_LEAST_BITS = 4.2
_HARMLESS = ("/", "sha256-", "sha384-", "sha512-")
_PLACEHOLDERS = ("example", "changeme", "password", "secret", "xxxx")


def known_secret(text: str) -> tuple[str, str] | None:
    """What the first known secret in `text` is, and its text."""
    for found in _pattern().finditer(text):
        kind = next(name for name, value in found.groupdict().items() if name != "secret" and value is not None)
        secret = found["secret"] or found[0]
        if not any(word in secret.lower() for word in _PLACEHOLDERS):
            return _KNOWN[int(kind[1:])][0], secret
    return None


@cache
def _pattern() -> re.Pattern[str]:
    """Made when first asked for: most runs of other commands never are."""
    forms = "|".join(f"(?P<k{number}>{form})" for number, (_, form) in enumerate(_KNOWN))
    return re.compile(f"(?<![A-Za-z0-9])(?:{forms})")


def is_random(value: str) -> bool:
    """Whether only chance or a cipher writes such a value: not names, paths, versions, or hashes in hex."""
    if (
        not _RANDOM.fullmatch(value)
        or value.startswith(_HARMLESS)
        or any(word in value.lower() for word in _PLACEHOLDERS)
    ):
        return False
    plain = value.rstrip("=")
    kinds = (str.isupper, str.islower, str.isdigit)
    if any(sum(map(kind, plain)) < 3 for kind in kinds) or not _is_mixed(plain):
        return False
    counts = Counter(plain).values()
    bits = -sum(count / len(plain) * math.log2(count / len(plain)) for count in counts)
    return bits >= min(_LEAST_BITS, math.log2(len(plain)) * 0.9)


def masked(secret: str) -> str:
    """Enough to recognise it by, too little to use it."""
    return f"{secret[:4]}… ({len(secret)} characters)" if len(secret) > 11 else f"({len(secret)} characters)"


def _is_mixed(text: str) -> bool:
    """Chance changes between letters of either case and digits at every second step; words do not."""
    kinds = ["d" if char.isdigit() else "u" if char.isupper() else "l" if char.islower() else "-" for char in text]
    changes = sum(first != second for first, second in pairwise(kinds))
    return changes * 5 >= len(text) * 2
