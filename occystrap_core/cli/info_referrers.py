"""What refers to an image, for `info`: what its index lists about it, and what its source knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from occystrap_core.cli.inspecting import Inspected
from occystrap_core.cli.session import Session
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OccystrapError
from occystrap_core.model.image import ATTESTED_DIGEST, Image

if TYPE_CHECKING:
    from occystrap_core.contracts.referrers import Referrers

Facts = dict[str, Any]

_MOST_QUESTIONS = 64
"""Each may be a request to a registry."""


class ReferrersFound:
    """Asks about each digest once. A source that cannot tell leaves a note, and is asked no more."""

    def __init__(self, session: Session, inspected: Inspected, listed: Sequence[Descriptor]) -> None:
        self._session = session
        self._source = inspected.source
        self._root = inspected.source.root().digest
        self._listed = listed
        self._known: dict[Digest, tuple[Descriptor, ...]] = {}
        self._note = ""

    def of(self, image: Image) -> Facts:
        found: dict[tuple[Digest, Digest], Descriptor] = {}
        for subject, referrer in self._referring(image.descriptor.digest):
            found.setdefault((subject, referrer.digest), referrer)
        return {
            "referrers": [{**child_facts(each), "subject": str(subject)} for (subject, _), each in found.items()],
            "notes": [self._note] if self._note else [],
        }

    def _referring(self, image: Digest) -> Iterator[tuple[Digest, Descriptor]]:
        """To the image, and to the index that it was taken from: signatures mostly are about that."""
        for child in self._listed:
            if child.annotations.get(ATTESTED_DIGEST) == str(image):
                yield image, child
        for subject in dict.fromkeys((image, self._root)):
            for referrer in self._asked(subject):
                yield subject, referrer

    def _asked(self, subject: Digest) -> tuple[Descriptor, ...]:
        if subject not in self._known:
            self._known[subject] = self._answer(subject)
        return self._known[subject]

    def _answer(self, subject: Digest) -> tuple[Descriptor, ...]:
        ask: Callable[[Digest], Referrers] | None = getattr(self._source, "referrers", None)
        if self._note or ask is None:
            return ()
        if len(self._known) == _MOST_QUESTIONS:
            self._tell("there are too many images to ask about each")
            return ()
        try:
            answer = ask(subject)
        except OccystrapError as error:
            self._tell(str(error))
            return ()
        if answer.trouble:
            self._tell(answer.trouble)
        return answer.found

    def _tell(self, trouble: str) -> None:
        self._note = f"what refers to the image is not known: {trouble}"
        self._session.warn(self._note)


def child_facts(child: Descriptor) -> Facts:
    return {
        "platform": str(child.platform) if child.platform and not child.platform.is_unknown else None,
        "digest": str(child.digest),
        "size": child.size,
        "media_type": child.media_type,
        "artifact_type": child.extra.get("artifactType"),
        "annotations": dict(child.annotations),
    }
