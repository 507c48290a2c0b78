"""Text for people: nothing from an image or a server reaches a terminal as it came."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import IO, Any

RED, YELLOW = "31", "33"
_UNITS = ("KB", "MB", "GB")


def safe(text: str) -> str:
    r"""`text` on one line, with everything that could steer a terminal written out.

    Control characters, C1, bidirectional marks and other invisible ones become escapes; a byte
    that was not UTF-8 becomes `\xNN`.

    >>> print(safe("a\x1b[31m\n\u202eb"))
    a\x1b[31m\n\u202eb
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def safe_bytes(name: bytes) -> str:
    """A name from an archive, to be read by a person."""
    return safe(name.decode("utf-8", "surrogateescape"))


def readable(chunks: Iterable[bytes]) -> Iterator[str]:
    """A file for a terminal: as `safe`, but its lines and tabs stay."""
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    waiting = ""
    for chunk in chunks:
        waiting += decoder.decode(chunk)
        # The return of a line's end may come with the next chunk.
        end = len(waiting) - waiting.endswith("\r")
        yield _lines_made_safe(waiting[:end])
        waiting = waiting[end:]
    yield _lines_made_safe(waiting + decoder.decode(b"", final=True))


def _lines_made_safe(text: str) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(map(safe, line.split("\t"))) for line in lines)


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()


def format_size(size: int | None) -> str:
    """
    >>> format_size(1023), format_size(1536), format_size(None)
    ('1023 B', '1.5 KB', 'N/A')
    """
    if size is None:
        return "N/A"
    if size < 1024:
        return f"{size} B"
    value = size / 1024
    for unit in _UNITS[:-1]:
        if value < 1024:
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_UNITS[-1]}"


def plural(count: int, noun: str) -> str:
    """
    >>> plural(1, "layer"), plural(2, "layer")
    ('1 layer', '2 layers')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def as_json(value: object) -> str:
    """One JSON document; pure ASCII, so that it is safe on a terminal too."""
    import json  # help and most commands write none

    return json.dumps(value, indent=2, default=str).replace("\x7f", "\\u007f")


def write_json_list(out: IO[str], head: Mapping[str, object], key: str, items: Iterable[Mapping[str, object]]) -> None:
    """As `as_json` would write `head` with the list under `key` at its end, item by item: there may
    be a million."""
    from json import dumps
    from json.encoder import encode_basestring_ascii as quoted

    scalars: dict[type, Callable[[Any], str]] = {
        str: quoted,
        int: int.__repr__,
        bool: lambda value: "true" if value else "false",
        type(None): lambda value: "null",
    }
    before = as_json({**head, key: []}).removesuffix("[]\n}")
    write, comma, text = out.write, "", scalars.get
    write(f"{before}[")
    for item in items:
        lines = ",\n".join([f'      "{name}": {text(type(value), dumps)(value)}' for name, value in item.items()])
        write(f"{comma}\n    {{\n{lines}\n    }}".replace("\x7f", "\\u007f"))
        comma = ","
    write("\n  ]\n}\n" if comma else "]\n}\n")


def without_credentials(uri: str) -> str:
    """A URI as it may be shown: user and password are left out, and so is the query.

    >>> without_credentials("registry://me:secret@host/image@sha256:ab?password=x")
    'registry://host/image@sha256:ab'
    """
    from occystrap_core.contracts.address import without_login

    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri.partition("?")[0]
    host, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}://{without_login(host)}{slash}{path}"


def coloured(text: str, colour: str, stream: IO[str]) -> str:
    """`text` in colour, where `stream` is a terminal that may have some."""
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[{colour}m{text}\x1b[0m" if wanted else text


def terminal_width(stream: IO[str]) -> int | None:
    """How many columns there are; None where nobody looks at them."""
    if not stream.isatty():
        return None
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size(stream.fileno()).columns) or None
    except (OSError, ValueError):
        return None


def complain(label: str, text: str, colour: str = RED) -> None:
    """One line on stderr, `Error: …` or `Warning: …`. Where that cannot be written, nobody can be told."""
    try:
        sys.stderr.write(f"{coloured(f'{label}:', colour, sys.stderr)} {safe(text)}\n")
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)


def silence(stream: IO[str]) -> None:
    """Keep the interpreter from complaining, when it ends, about what could not be written."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
