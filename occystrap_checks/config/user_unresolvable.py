"""Users and groups that the image does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.config.judged import is_whole, is_windows, judged_config
from occystrap_checks.lenient import as_bytes, as_text, run_settings
from occystrap_checks.wording import place_of
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    hookimpl,
    shown,
)

_PASSWD, _GROUP = "etc/passwd", "etc/group"
_LARGEST = (1 << 31) - 1


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="user-unresolvable",
        summary="the user and group that the image runs as are in its passwd and group files",
        implementation="occystrap_checks.config.user_unresolvable:UserUnresolvable",
        severity=Severity.WARNING,
        needs=Needs.CONTENT,
        content=(_PASSWD, _GROUP),
        why="The container does not start: 'unable to find user …: no matching entries in passwd file'.",
        example="FROM scratch with USER nobody and no etc/passwd.",
        remedy="Use numbers (USER 65534:65534), which need no file, or copy a passwd file into the image.",
    )


class UserUnresolvable(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return LayerExamination()

    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None or is_windows(config) or not is_whole(image, view):
            return
        user, _, group = as_text(run_settings(image.config).get("User")).partition(":")
        yield from _missing(view, "user", user, _PASSWD)
        yield from _missing(view, "group", group, _GROUP)


def _missing(view: View, what: str, name: str, path: str) -> Iterator[Remark]:
    if name.isdecimal() and int(name[:20]) > _LARGEST:
        yield Remark(f"the image runs as {what} {name[:20]}, above {_LARGEST}, which is where engines end")
    if not name or name.isdecimal():
        return
    content = view.content(path.encode())
    if content is None:
        if view.follow(path.encode()) is None:
            yield Remark(f"the image runs as {what} '{shown(name)}' and has no /{path}")
        return
    names = {line.partition(b":")[0] for line in content.splitlines()}
    if as_bytes(name) not in names:
        yield Remark(
            f"the image runs as {what} '{shown(name)}', who is not in its /{path}", place_of(view.follow(path.encode()))
        )
