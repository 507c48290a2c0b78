"""Every error that Occystrap raises on purpose.

    OccystrapError                exit code 3 unless a subclass says otherwise
    ├── UsageError                2: what was asked for cannot be done as written
    │   ├── UnknownName           a scheme, filter, option or command nobody offers
    │   └── OptionError           an option's key, value or type is wrong
    ├── PluginError               a plugin cannot be found, loaded or trusted
    ├── ContentError              bytes are not what they claim to be
    │   ├── InvalidDigest         a digest's text is malformed
    │   ├── InvalidJson           a document is not the strict JSON that images use
    │   ├── InvalidImage          documents contradict each other or the specification
    │   ├── InvalidTar            a layer is not a tar archive that Go would read
    │   ├── CorruptStream         a compressed stream is damaged or cut short
    │   └── DigestMismatch        content has another digest or size than it should
    ├── LimitExceeded             content is well-formed but larger than is safe
    ├── NotFound                  a file, image, tag or blob does not exist
    ├── AccessDenied              credentials are missing, wrong or not sufficient
    └── TransferError             the network, a daemon or a disk failed

An error's text is one sentence for a person. `side` says where it happened ("source",
"destination", "filter 'exclude'"): plugins leave it empty and the engine fills it in.
`hint` says what to do about it, where there is something to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class OccystrapError(Exception):
    exit_code = 3

    def __init__(self, message: str, *, side: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.side = side
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.side}: {self.message}" if self.side else self.message
        return f"{text} ({self.hint})" if self.hint else text


class UsageError(OccystrapError):
    exit_code = 2


class UnknownName(UsageError):
    pass


class OptionError(UsageError):
    pass


class PluginError(OccystrapError):
    pass


class ContentError(OccystrapError):
    pass


class InvalidDigest(ContentError):
    pass


class InvalidJson(ContentError):
    pass


class InvalidImage(ContentError):
    pass


class InvalidTar(ContentError):
    pass


class CorruptStream(ContentError):
    pass


class DigestMismatch(ContentError):
    pass


class LimitExceeded(OccystrapError):
    pass


class NotFound(OccystrapError):
    pass


class AccessDenied(OccystrapError):
    pass


class TransferError(OccystrapError):
    pass


class TemporaryFileError(OSError):
    """A temporary file that cannot be made or written; `filename` is the directory."""


@contextmanager
def attributed(side: str) -> Iterator[None]:
    """Errors that leave the block name `side`, unless they already name a side.

    An OSError becomes a TransferError that keeps the system's words and the file's name. One about a
    temporary file is neither side's fault.
    """
    try:
        yield
    except OccystrapError as error:
        error.side = error.side or side
        raise
    except OSError as error:
        raise transfer_error(error, side) from error


def transfer_error(error: OSError, side: str = "") -> TransferError:
    if isinstance(error, TemporaryFileError):
        hint = "--temp-dir names another directory for them"
        return TransferError(describe_os_error(error), side="temporary files", hint=hint)
    return TransferError(describe_os_error(error), side=side)


def describe_os_error(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason
