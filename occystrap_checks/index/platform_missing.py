"""Images of which nobody says what machine they are for."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.index.platform_names import image_entries, written_platform
from occystrap_checks.lenient import image_config
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    FoundDocument,
    ImageUnderCheck,
    Needs,
    Remark,
    Role,
    Severity,
    hookimpl,
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="platform-missing",
        summary="index entries and configs say their platform",
        implementation="occystrap_checks.index.platform_missing:PlatformMissing",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Without it clients choose by guessing: they take an image of several for another machine, or refuse it.",
        example='An index of two images with entries that have no "platform", or a config without "architecture".',
        remedy="Give every entry its platform and every config its os and architecture; builders do so by themselves.",
    )


class PlatformMissing(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is not Role.INDEX or (document.json or {}).get("artifactType"):
            return
        entries = list(image_entries(document))
        for number, entry in entries:
            platform = written_platform(entry.get("platform"))
            if len(entries) > 1 and not (platform.os and platform.architecture):
                yield Remark(f"entry {number + 1} of the index does not say its platform")

    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = image_config(image.config)
        if config is None or image.is_artifact or image.attests:
            return ()
        missing = [key for key in ("os", "architecture") if not config.get(key)]
        return (Remark(f"the config does not say its {' and '.join(missing)}"),) if missing else ()
