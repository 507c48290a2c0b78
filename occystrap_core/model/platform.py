"""Platforms: which machine an image is for."""

from __future__ import annotations

from collections.abc import Mapping

from occystrap_core.model.errors import InvalidImage, UsageError
from occystrap_core.model.value import value

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "i386": "386",
}
_IMPLIED_VARIANT = {"arm64": "v8", "arm": "v7"}


@value
class Platform:
    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `os/arch[/variant]`, as every tool writes it."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise UsageError(
                f"{text!r} is not a platform", hint="write it as os/architecture[/variant], for example linux/arm64"
            )
        return cls(parts[0].lower(), _ARCHITECTURES.get(parts[1].lower(), parts[1].lower()), *parts[2:])

    @classmethod
    def from_json(cls, obj: object) -> Platform | None:
        """The platform of a descriptor, or None where it has none; a malformed one is an error."""
        if obj is None:
            return None
        if not isinstance(obj, Mapping):
            raise InvalidImage("a platform must be a JSON object")
        values = [obj.get(key, "") for key in ("os", "architecture", "variant", "os.version")]
        if not all(isinstance(value, str) for value in values):
            raise InvalidImage("the fields of a platform must be strings")
        return cls(*values)

    @property
    def is_unknown(self) -> bool:
        """Attestation manifests are filed under this platform."""
        return self.os == "unknown" and self.architecture == "unknown"

    def answers(self, wanted: Platform) -> bool:
        """Whether an image of this platform may be taken where `wanted` is asked for.

        A wanted platform without a variant accepts the variant its architecture implies
        (arm64 finds arm64/v8); a wanted variant must be met, by name or by implication.
        """
        ours, theirs = self._normalised(), wanted._normalised()
        if (ours.os, ours.architecture) != (theirs.os, theirs.architecture):
            return False
        if wanted.os_version and self.os_version != wanted.os_version:
            return False
        return ours.variant == theirs.variant or not wanted.variant

    def fits_exactly(self, wanted: Platform) -> bool:
        """Whether this is the best answer to `wanted`, not only an acceptable one."""
        return self.answers(wanted) and self._normalised().variant == wanted._normalised().variant

    def _normalised(self) -> Platform:
        architecture = _ARCHITECTURES.get(self.architecture.lower(), self.architecture.lower())
        return Platform(self.os.lower(), architecture, self.variant or _IMPLIED_VARIANT.get(architecture, ""))

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)
