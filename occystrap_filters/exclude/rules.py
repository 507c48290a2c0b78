"""Which entries the patterns mean."""

from __future__ import annotations

from occystrap_filters.exclude.globs import compile_globs

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_BOOKKEEPING = ".wh..wh."


class Rules:
    """Patterns see whiteouts as the name they hide, and an opaque marker as its directory: what a
    whiteout hides is dropped from the lower layers too, so nothing comes back with it gone.
    A pattern that itself says `.wh.` also sees whiteouts under their own name.
    """

    __slots__ = ("_matches", "_matches_whiteout")

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._matches = compile_globs(patterns)
        literal = [pattern for pattern in patterns if _WHITEOUT in pattern]
        self._matches_whiteout = compile_globs(literal) if literal else None

    def exclude(self, path: bytes) -> bool:
        """Whether an entry of this path goes."""
        text = path.decode("utf-8", "surrogateescape")
        if _WHITEOUT not in text:
            return self._matches(text) is not None
        if self._matches_whiteout is not None and self._matches_whiteout(text):
            return True
        return self._matches(_hidden_by(text)) is not None


def _hidden_by(path: str) -> str:
    """The path that a whiteout hides; any other path itself."""
    folder, slash, name = path.rpartition("/")
    if name == _OPAQUE:
        return folder
    if not name.startswith(_WHITEOUT) or name == _WHITEOUT or name.startswith(_BOOKKEEPING):
        return path
    return folder + slash + name.removeprefix(_WHITEOUT)
