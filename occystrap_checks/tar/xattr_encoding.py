"""Extended attributes that engines do not see."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING
from occystrap_core.contracts import (
    CheckSpec,
    Entries,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    Where,
    hookimpl,
    shown,
)

_OURS, _OTHER = "SCHILY.xattr.", "LIBARCHIVE.xattr."


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="xattr-encoding",
        summary="extended attributes are written in the way that engines read",
        implementation="occystrap_checks.tar.xattr_encoding:XattrEncoding",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Docker, containerd and Podman read SCHILY.xattr records alone. An attribute in another form, a file "
        "capability for example, is lost when the image is unpacked, and the program that needs it fails.",
        example="bsdtar with only LIBARCHIVE.xattr records of a file with cap_net_raw",
        remedy="Make the archive with GNU tar --xattrs --format=posix, or with a builder.",
        entries=Entries.EXTENDED,
    )


class XattrEncoding(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Encodings()


class Encodings(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        records = entry.pax
        lost = [key for key in records if key.startswith(_OTHER)]
        if not lost:
            return NOTHING
        read = sum(key.startswith(_OURS) for key in records)
        if read >= len(lost):
            return NOTHING
        path = shown(entry.path)
        return (
            Remark(
                f"{path} has extended attributes in records that engines ignore: {shown(lost[0])}", Where(entry=path)
            ),
        )
