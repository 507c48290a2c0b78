"""Working directories that the image does not have."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import is_whole, is_windows, judged_config
from occystrap_checks.lenient import as_bytes, as_text, run_settings
from occystrap_checks.wording import place_of
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    hookimpl,
    shown,
)
from occystrap_core.contracts.entry import DIRECTORY

_ROOT_USERS = ("", "0", "root")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="workdir-missing",
        summary="the working directory is there",
        implementation="occystrap_checks.config.workdir_missing:WorkdirMissing",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="docker and containerd make the missing directory when a container starts, and it belongs to root: a "
        "program that runs as somebody else cannot write there. podman gives it to the user.",
        example='WorkingDir "/app" and User "1000" in an image that has no /app.',
        remedy="Make the directory in the image and give it to the user: RUN mkdir /app && chown 1000 /app",
    )


class WorkdirMissing(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        config, run = judged_config(image), run_settings(image.config)
        folder = as_text(run.get("WorkingDir"))
        path = as_bytes(folder.strip("/"))
        if config is None or is_windows(config) or not folder.startswith("/") or not path or not is_whole(image, view):
            return ()
        seen = view.follow(path)
        if seen is not None and seen.kind != DIRECTORY:
            return (Remark(f"the working directory '{shown(folder)}' is no directory", place_of(seen)),)
        if seen is not None or _is_implied(view, path):
            return ()
        by_root = as_text(run.get("User")).partition(":")[0] in _ROOT_USERS
        severity = Severity.INFO if by_root else None
        return (Remark(f"the working directory '{shown(folder)}' is not in the image", severity=severity),)


def _is_implied(view: View, path: bytes) -> bool:
    """Whether something lies in the directory although it has no entry of its own."""
    inside = path + b"/"
    return any(seen.path.startswith(inside) for seen in view.final())
