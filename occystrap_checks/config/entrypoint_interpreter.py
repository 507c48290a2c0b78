"""What the program that an image starts needs to be run: the loader, or the interpreter of a script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.config.elf import loader_of
from occystrap_checks.config.judged import is_whole, is_windows, judged_config
from occystrap_checks.config.program import at, on_path, program_of
from occystrap_checks.config.program_heads import ProgramHeads
from occystrap_checks.wording import place_of
from occystrap_core.contracts import (
    CheckContext,
    CheckSpec,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerUnderCheck,
    Needs,
    Remark,
    Seen,
    Severity,
    View,
    hookimpl,
    shown,
)

_HEAD = 2048
_LONGEST_LINE = 256
_MOST_STEPS = 5
_LIBRARIES = (("ld-musl", "musl"), ("ld-linux", "glibc"), ("ld64.so", "glibc"))


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="entrypoint-interpreter",
        summary="the program that the image starts finds its loader or interpreter",
        implementation="occystrap_checks.config.entrypoint_interpreter:EntrypointInterpreter",
        severity=Severity.ERROR,
        needs=Needs.CONTENT,
        head=_HEAD,
        head_of=("executable",),
        why="The container does not start, and says 'no such file or directory' about a program that is there: what is "
        "missing is the shell of its first line, or the C library it was built for.",
        example="A program built on Debian (glibc) in an image FROM alpine (musl), or a script with #!/bin/bash where "
        "there is no bash.",
        remedy="Build the program for the image's C library or statically (CGO_ENABLED=0), install the interpreter, "
        "and write scripts with Unix line ends.",
    )


class EntrypointInterpreter(Examination):
    def __init__(self, context: CheckContext) -> None:
        super().__init__(context)
        self._heads = ProgramHeads(_need_of)

    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return self._heads.examination()

    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None or is_windows(config) or not is_whole(image, view):
            return ()
        program = program_of(image, view)
        return () if program is None or program.seen is None else self._followed(image, view, program.seen)

    def _followed(self, image: ImageUnderCheck, view: View, seen: Seen) -> Iterator[Remark]:
        """From a script to its interpreter to that one's loader."""
        for _ in range(_MOST_STEPS):
            need = self._heads.of(image, view, seen)
            if need is None:
                return
            words = need.decode("utf-8", "surrogateescape").split(" ")
            found = at(view, words[0]) if words[0].startswith("/") else seen
            if found is None:
                yield Remark(_missing(view, seen, words[0], is_script=len(words) > 1), place_of(seen))
                return
            wanted = _looked_up(words)
            if wanted and on_path(image, view, wanted) is None:
                text = f"/{shown(seen.path)} is to be run by '{shown(wanted)}', which is in no directory of PATH"
                yield Remark(text, place_of(seen), Severity.WARNING)
                return
            seen = (on_path(image, view, wanted) if wanted else None) or found


def _need_of(head: bytes) -> bytes | None:
    """The loader of a program; interpreter, a space and arguments of a script."""
    if head[:2] != b"#!":
        return loader_of(head)
    line = head[2:_LONGEST_LINE].partition(b"\n")[0].strip(b" \t")
    command, _, arguments = line.replace(b"\t", b" ").partition(b" ")
    return command + b" " + arguments.strip() if command else None


def _looked_up(words: list[str]) -> str:
    """What `env` is to run: its first argument that is no option and no variable."""
    if len(words) < 2 or not words[0].endswith("/env"):
        return ""
    named = (word.strip() for word in words[1:] if word and not word.startswith("-") and "=" not in word)
    return next(named, "")


def _missing(view: View, seen: Seen, path: str, is_script: bool) -> str:
    name = f"/{shown(seen.path)}"
    if is_script:
        return f"{name} is a script for '{shown(path)}', which is not in the image"
    library = next((library for prefix, library in _LIBRARIES if prefix in path), "")
    built = f" is built for {library}:" if library else ""
    return f"{name}{built} its loader {shown(path)} is not in the image"
