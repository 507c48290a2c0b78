"""Targets: the engines that an image must work on, as `--targets` names them."""

from __future__ import annotations

import re

from occystrap_core.model.errors import UsageError

Target = tuple[str, tuple[int, ...]]
"""An engine and the oldest version of it that counts."""

ENGINES = (
    "docker",
    "containerd",
    "podman",
    "buildah",
    "skopeo",
    "cri-o",
    "buildkit",
    "apple-container",
)
"""What rules know facts about."""

_ALIASES = {"crio": "cri-o", "moby": "docker", "docker-engine": "docker"}
_TARGET = r"(?P<engine>[A-Za-z][A-Za-z0-9-]*)\s*>=\s*v?(?P<version>[0-9]{1,6}(?:\.[0-9]{1,6}){0,3})"
_HINT = 'write targets as ENGINE>=VERSION, with commas between them: "docker>=20.10,containerd>=1.7"'


def parse_targets(text: str) -> tuple[Target, ...]:
    """Read "docker>=20.10,containerd>=1.7"; empty text names no target.

    >>> parse_targets("docker>=20.10, podman>=4")
    (('docker', (20, 10)), ('podman', (4,)))
    """
    if not text.strip():
        return ()
    targets = tuple(_target(part.strip()) for part in text.split(","))
    engines = [engine for engine, _ in targets]
    for engine in engines:
        if engines.count(engine) > 1:
            raise UsageError(
                f"targets name {engine} twice", hint="the oldest version is enough: newer ones are meant, too"
            )
    return targets


def version_text(version: tuple[int, ...], engine: str = "") -> str:
    """As the engine writes its versions: Docker's were years and months until 19.03."""
    width = 2 if engine == "docker" and 17 <= version[0] <= 19 else 1
    return ".".join(f"{part:0{width}}" if place == 1 else str(part) for place, part in enumerate(version))


def _target(part: str) -> Target:
    found = re.fullmatch(_TARGET, part)
    if found is None:
        raise UsageError(f"{part[:100]!r} is not a target", hint=_HINT)
    engine = found["engine"].lower()
    engine = _ALIASES.get(engine, engine)
    if engine not in ENGINES:
        raise UsageError(f"no rule knows the engine {engine!r}", hint=_hint_for(engine))
    return engine, tuple(int(number) for number in found["version"].split("."))


def _hint_for(engine: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(engine, ENGINES, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(ENGINES)}"
