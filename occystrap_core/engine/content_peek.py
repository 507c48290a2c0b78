"""Which files rules want to look into."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

from occystrap_core.contracts.check import LayerExamination
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.model.value import value

_EXECUTABLE = 0o111
_ANYWHERE = "*/"
_WILD = re.compile(r"[*?\[]")


@value
class Examiner:
    """One rule's examination of one layer, with its spec."""

    spec: CheckSpec
    examination: LayerExamination


@value
class Wish:
    """The files that one rule wants the first `size` bytes of: all of them, or executables, those
    of a name (`*/name`, which also means one at the top), whose path has an ending (`*.pem`,
    `*/.aws/credentials`), exact paths, and what a pattern matches."""

    examiner: Examiner
    size: int
    everything: bool
    executables: bool
    names: frozenset[bytes]
    endings: tuple[bytes, ...]
    paths: frozenset[bytes]
    pattern: re.Pattern[bytes] | None

    @classmethod
    def of(cls, examiner: Examiner) -> Wish:
        globs = [glob for glob in examiner.spec.head_of if glob != "executable"]
        names = [glob for glob in globs if glob.startswith(_ANYWHERE) and not _is_wild(glob[len(_ANYWHERE) :])]
        endings = [glob for glob in globs if _is_ending(glob) and glob not in names]
        paths = [glob for glob in globs if not _WILD.search(glob)]
        return cls(
            examiner,
            examiner.spec.head,
            not examiner.spec.head_of,
            "executable" in examiner.spec.head_of,
            frozenset(name[len(_ANYWHERE) :].encode() for name in names),
            tuple(ending[1:].encode() for ending in endings),
            frozenset(path.strip("/").encode() for path in paths),
            _pattern([glob for glob in globs if glob not in (*names, *endings, *paths)]),
        )

    def wants(self, path: bytes, name: bytes, mode: int) -> bool:
        return (
            self.everything
            or (self.executables and bool(mode & _EXECUTABLE))
            or name in self.names
            or path.endswith(self.endings)
            or path in self.paths
            or (self.pattern is not None and self.pattern.match(path) is not None)
        )


@value
class Peek:
    """The wishes of all rules together, to be asked with few steps. `kept` are paths whose
    content the view shall have."""

    rules: tuple[Wish, ...]
    kept: frozenset[bytes]
    names: frozenset[bytes]
    endings: tuple[bytes, ...]
    paths: frozenset[bytes]
    executables: bool
    pattern: re.Pattern[bytes] | None

    @classmethod
    def of(cls, examiners: Iterable[Examiner], kept: frozenset[bytes]) -> Peek:
        wishes = tuple(Wish.of(each) for each in examiners if each.spec.head)
        patterns = [wish.pattern.pattern for wish in wishes if wish.pattern]
        if any(wish.everything for wish in wishes):
            patterns.append(b"")
        return cls(
            wishes,
            kept,
            frozenset().union(*(wish.names for wish in wishes)),
            tuple({ending for wish in wishes for ending in wish.endings}),
            kept.union(*(wish.paths for wish in wishes)),
            any(wish.executables for wish in wishes),
            re.compile(b"|".join(b"(?:%b)" % each for each in patterns)) if patterns else None,
        )


def _is_wild(name: str) -> bool:
    return "/" in name or _WILD.search(name) is not None


def _is_ending(glob: str) -> bool:
    return glob.startswith(("*.", _ANYWHERE)) and not _WILD.search(glob[1:])


def _pattern(globs: Iterable[str]) -> re.Pattern[bytes] | None:
    translated = [fnmatch.translate(glob) for glob in globs]
    return re.compile("|".join(translated).encode()) if translated else None
