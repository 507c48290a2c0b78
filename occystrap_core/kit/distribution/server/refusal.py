"""Saying no, in the words of the OCI distribution specification."""

from __future__ import annotations

from http import HTTPStatus


class Refusal(Exception):
    """Becomes the answer of a request. `code` is one of the specification's; it never quotes the request."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Gone(Exception):
    """The client went away, or is too slow to be waited for: nobody is left to answer."""


def bad_request(message: str) -> Refusal:
    """For a request that is not HTTP as it should be: its connection cannot be used any further."""
    return Refusal(HTTPStatus.BAD_REQUEST, "UNSUPPORTED", message)
