"""Reading one layer for all rules at once: its bytes are measured, its entries shown around.

Damage never raises: the layer is read as far as it goes, and the facts say what ended it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain as joined

from occystrap_core.contracts.check import LayerExamination, LayerFacts, LayerUnderCheck, Remark, Stage
from occystrap_core.contracts.entry import REGULAR, Entry
from occystrap_core.contracts.input import Chunk, Input
from occystrap_core.contracts.needs import Entries
from occystrap_core.engine.content_peek import Examiner, Peek
from occystrap_core.engine.layer_records import WHITEOUT, LayerRecords
from occystrap_core.engine.said import Said
from occystrap_core.engine.schedule import Stopped
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import USUAL_ALGORITHM, Digest, Hasher
from occystrap_core.model.errors import (
    CorruptStream,
    DigestMismatch,
    InvalidTar,
    LimitExceeded,
    OccystrapError,
    TransferError,
    describe_os_error,
)
from occystrap_core.model.media_types import Compression
from occystrap_core.model.zstd_chunked import chunked_toc
from occystrap_core.streams.codec import StreamNotes, inflate, sniff
from occystrap_core.streams.reading import reading
from occystrap_core.streams.relay import relay
from occystrap_core.streams.tar import GLOBAL, TarEntry, TarReader
from occystrap_core.streams.verified import Measured

MAX_ENTRIES = 5_000_000
_KEPT_CONTENT = 1 << 20
_KEPT_TRAILING = 4 << 20
_KINDS = tuple(bytes([code]) for code in range(256))
_EXECUTABLE = 0o111
_BLOCK = 512

_PLAIN, _EXTENDED, _WHITEOUT = 0, 1, 2
_ROUTES = (
    (Entries.ALL,),
    (Entries.ALL, Entries.EXTENDED),
    (Entries.ALL, Entries.WHITEOUTS),
    (Entries.ALL, Entries.EXTENDED, Entries.WHITEOUTS),
)
"""Whom an entry is shown to: a plain one, one with more than a plain header, and whiteouts of both."""

_Calls = tuple[tuple[tuple[str, Callable[[Entry], Iterable[Remark]]], ...], ...]
"""By kind of entry, ids of rules and what to call."""
Remarks = dict[str, Said]
"""What was said so far, by the id of the rule."""
Tap = Callable[[Iterable[Chunk]], Iterator[Chunk]]


@dataclass(slots=True)
class LayerScan:
    """`threads` more than one hash beside. `kept` are paths whose content the view shall have. `failures` are
    rules that crashed, with what they raised. `facts` are there once the blob was read."""

    source: Input
    layer: LayerUnderCheck
    examiners: tuple[Examiner, ...]
    tap: Tap
    threads: int
    records: LayerRecords
    kept: frozenset[bytes] = frozenset()
    remarks: Remarks = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    facts: LayerFacts | None = None
    _count: int = 0

    def run(self) -> LayerFacts:
        facts = self.facts or self._read()
        if self.source.traits.by_diff_id:
            facts = _known_by_its_bytes(facts)
        if not facts.is_authentic:
            self.remarks.clear()
        for examiner in self.examiners:
            self._ask(examiner, lambda examiner=examiner: examiner.examination.finish(facts))  # type: ignore[misc]
        return facts

    def read(self, chunks: Iterable[Chunk], expected: Descriptor | None) -> None:
        """Read a blob before the documents say what it is; `turned_out` tells it, and `run` concludes."""
        self.facts = self._measured(chunks, expected)

    def turned_out(self, layer: LayerUnderCheck) -> None:
        assert self.facts is not None
        self.layer, self.records = layer, self.records.at(layer.position)
        listing = None if self.facts.listing is None else self.records
        self.facts = replace(self.facts, layer=layer, listing=listing)

    def _read(self) -> LayerFacts:
        descriptor = self.layer.descriptor
        if descriptor is None:
            return LayerFacts(self.layer)
        return self._measured(self.tap(self._blob(descriptor)), descriptor)

    def _blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        """Asked for with the first chunk, so that a source that has no such blob is heard like one that breaks off."""
        yield from self.source.blob(descriptor)

    def _measured(self, chunks: Iterable[Chunk], expected: Descriptor | None) -> LayerFacts:
        algorithm = expected.digest.algorithm if expected else USUAL_ALGORITHM
        part = _annotated_part(expected)
        stored = _Stored(hashlib.new(algorithm), expected.size if expected else None, part)
        blob = stored.pass_on(chunks)
        facts = LayerFacts(self.layer)
        try:
            facts = self._opened(facts, blob) if self.layer.is_tar else facts
            _drain(blob)
        except Stopped:
            raise
        except OccystrapError as error:
            facts = _damaged(facts, error, Stage.BLOB)
        except OSError as error:
            facts = _damaged(facts, TransferError(describe_os_error(error)), Stage.BLOB)
        digest = Digest(algorithm, stored.hasher.hexdigest())
        return replace(facts, digest=digest, size=stored.size, chunked_toc=part.digest if part else None)

    def _opened(self, facts: LayerFacts, blob: Iterator[Chunk]) -> LayerFacts:
        head = bytes(next(blob, b""))
        found = sniff(head[:16])
        facts = replace(facts, magic=head[:16], compression=found or Compression.NONE)
        notes = StreamNotes()
        inflated = _Inflated(inflate(joined((head,), _unclosed(blob)), found or Compression.NONE, notes=notes))
        chunks = relay(inflated)
        plain = Measured(chunks, threaded=self.threads > 1)
        stream = iter(plain)
        try:
            facts = self._entries(facts, stream, inflated)
            _drain(stream)
        except Stopped:
            raise
        except OccystrapError as error:
            facts = _damaged(facts, error, inflated.stage_of(error))
        finally:
            stream.close()
            chunks.close()
        whole = facts.damage is None or not isinstance(facts.damage, LimitExceeded)
        facts = replace(facts, members=notes.members, skippable_first=notes.skippable_first, window=notes.window)
        facts = replace(facts, trailing_junk=notes.trailing_junk, listing=self.records)
        return replace(facts, diff_id=plain.digest if whole else None, unpacked=plain.size)

    def _entries(self, facts: LayerFacts, stream: Iterator[Chunk], inflated: _Inflated) -> LayerFacts:
        """A damaged archive ends here; the rest of the stream is still measured by the caller."""
        reader = TarReader(_unclosed(stream))
        try:
            self._show(reader, inflated)
            self._show_trailing(_kept(reader.trailer()))
        except Stopped:
            raise
        except OccystrapError as error:
            facts = _damaged(facts, error, inflated.stage_of(error))
        return replace(facts, entries=self._count, has_end=reader.has_end, trailing_bytes=reader.trailing_bytes)

    def _show(self, reader: Iterable[TarEntry], inflated: _Inflated) -> None:
        """Each entry to every rule that wants it. The names here are local: this runs once per member."""
        routes, peek = self._routes(), Peek.of(self.examiners, self.kept)
        names, endings, paths, executables = peek.names, peek.endings, peek.paths, peek.executables
        matches = peek.pattern.match if peek.pattern else None
        peeks = bool(peek.rules or paths)
        records, note = self.records, self._note
        remember, rule, nothing = records.add, "", ()
        for count, entry in enumerate(reader, 1):
            if count > MAX_ENTRIES:
                raise LimitExceeded(f"the layer has more than {MAX_ENTRIES} entries")
            self._count = count
            path, kind = entry.path, entry.kind
            folder, _, name = path.rpartition(b"/")
            raw = entry.raw
            route = _PLAIN if len(raw) == _BLOCK and entry.fragments is None and raw.isascii() else _EXTENDED
            if name[:4] == WHITEOUT:
                records.add_whiteout(folder, name)
                route += _WHITEOUT
            elif kind != GLOBAL:
                remember(entry, path, folder)
            calls = routes[route][kind[0]]
            if calls:
                waiting = iter(calls)
                while True:
                    try:
                        for rule, call in waiting:
                            said = call(entry)
                            if said is not nothing:
                                for remark in said:
                                    note(rule, remark)
                        break
                    except Exception as error:  # a rule is foreign code; its crash is a finding about the rule
                        if inflated.is_to_blame_for(error):
                            raise
                        self._fail(rule, error)
                        routes = self._routes()
            if (
                peeks
                and kind == REGULAR
                and (
                    name in names
                    or (executables and records.mode & _EXECUTABLE)
                    or path in paths
                    or path.endswith(endings)
                    or (matches and matches(path))
                )
            ):
                self._show_content(entry, peek, path, name)

    def _show_content(self, entry: Entry, peek: Peek, path: bytes, name: bytes) -> None:
        interested = [each for each in peek.rules if each.wants(path, name, self.records.mode)]
        keep = path in peek.kept
        size = max((each.size for each in interested), default=0)
        data = _first_bytes(entry.body, max(size, _KEPT_CONTENT) if keep else size)
        if keep:
            self.records.contents[path] = data[:_KEPT_CONTENT]
        for each in interested:
            self._ask(each.examiner, lambda each=each: each.examiner.examination.head(entry, data[: each.size]))  # type: ignore[misc]

    def _show_trailing(self, data: bytes) -> None:
        for examiner in self.examiners if data else ():
            self._ask(examiner, lambda examiner=examiner: examiner.examination.trailing(data))  # type: ignore[misc]

    def _routes(self) -> tuple[_Calls, ...]:
        """Who is to see an entry, by what it is and its kind; rules that leave `entry` alone are not bothered."""
        base = LayerExamination.entry
        interested = [
            each
            for each in self.examiners
            if type(each.examination).entry is not base and each.spec.name not in self.failures
        ]
        return tuple(_calls([each for each in interested if each.spec.entries in wanted]) for wanted in _ROUTES)

    def _ask(self, examiner: Examiner, question: Callable[[], Iterable[Remark]]) -> None:
        rule = examiner.spec.name
        if rule in self.failures:
            return
        try:
            for remark in question():
                self._note(rule, remark)
        except Exception as error:  # noqa: BLE001  # as above
            self._fail(rule, error)

    def _note(self, rule: str, remark: Remark) -> None:
        said = self.remarks.get(rule)
        if said is None:
            said = self.remarks[rule] = Said()
        said.add(remark)

    def _fail(self, rule: str, error: Exception) -> None:
        self.failures[rule] = f"{type(error).__name__}: {error}"


def _calls(interested: Sequence[Examiner]) -> _Calls:
    return tuple(
        tuple(
            (each.spec.name, each.examination.entry)
            for each in interested
            if each.spec.kinds is None or kind in each.spec.kinds
        )
        for kind in _KINDS
    )


class _Inflated:
    """Passes inflated chunks on, and remembers the error that inflating them ended with."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = chunks
        self._error: OccystrapError | None = None

    def __iter__(self) -> Iterator[Chunk]:
        with reading(self._chunks) as incoming:
            try:
                yield from incoming
            except OccystrapError as error:
                self._error = error
                raise

    def is_to_blame_for(self, error: Exception) -> bool:
        """Whether what a rule met while it looked at an entry is damage of the layer."""
        return error is self._error or isinstance(error, (InvalidTar, Stopped))

    def stage_of(self, error: OccystrapError) -> Stage:
        if error is not self._error:
            return Stage.ARCHIVE
        return Stage.COMPRESSION if isinstance(error, (CorruptStream, LimitExceeded)) else Stage.BLOB


def _damaged(facts: LayerFacts, error: OccystrapError, stage: Stage) -> LayerFacts:
    """What went wrong first counts, but a blob that is not what it should be explains everything."""
    if facts.damage is not None and not (stage is Stage.BLOB and isinstance(error, DigestMismatch)):
        return facts
    return replace(facts, damage=error, stage=stage)


def _known_by_its_bytes(facts: LayerFacts) -> LayerFacts:
    """A layer that nothing but a diff_id named is no other blob than was meant, whatever the diff_id says."""
    descriptor, digest = facts.layer.descriptor, facts.digest
    if descriptor is None or digest is None or facts.compression is not Compression.NONE:
        return facts
    if facts.size != descriptor.size:
        return facts
    return replace(facts, layer=replace(facts.layer, descriptor=replace(descriptor, digest=digest)))


class _Stored:
    """Counts and hashes the bytes of a blob as they are stored, and stops at one too many."""

    def __init__(self, hasher: Hasher, promised: int | None, part: _Part | None = None) -> None:
        self.hasher = hasher
        self._part = part
        self.size = 0
        self._promised = promised

    def pass_on(self, chunks: Iterable[Chunk]) -> Generator[Chunk, None, None]:
        update = self.hasher.update
        for chunk in chunks:
            self.size += len(chunk)
            if self._promised is not None and self.size > self._promised:
                raise DigestMismatch(f"it is larger than the {self._promised} bytes of its descriptor")
            update(chunk)
            if self._part is not None:
                self._part.pass_by(chunk)
            yield chunk


class _Part:
    """Hashes some of the bytes that go by."""

    def __init__(self, start: int, length: int) -> None:
        self._skip = start
        self._left = length
        self._hasher = hashlib.sha256()

    @property
    def digest(self) -> Digest | None:
        """None while not all of it was there."""
        return None if self._left else Digest(USUAL_ALGORITHM, self._hasher.hexdigest())

    def pass_by(self, chunk: Chunk) -> None:
        if self._skip >= len(chunk):
            self._skip -= len(chunk)
        elif self._left:
            found = chunk[self._skip : self._skip + self._left]
            self._hasher.update(found)
            self._skip, self._left = 0, self._left - len(found)


def _annotated_part(descriptor: Descriptor | None) -> _Part | None:
    """The table of contents of a zstd:chunked layer."""
    toc = chunked_toc(descriptor.annotations) if descriptor else None
    return _Part(*toc.numbers[:2]) if toc and toc.numbers else None


def _unclosed(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same chunks, from a stream that is to go on after its reader gave up."""
    yield from map(_same, chunks)


def _same(chunk: Chunk) -> Chunk:
    return chunk


def _first_bytes(body: Iterable[Chunk], size: int) -> bytes:
    data = bytearray()
    for chunk in body:
        data += chunk[: size - len(data)]
        if len(data) >= size:
            break
    return bytes(data)


def _kept(chunks: Iterable[bytes]) -> bytes:
    """The beginning of all that is not zero; the rest is read all the same."""
    kept = bytearray()
    for chunk in chunks:
        if len(kept) < _KEPT_TRAILING:
            kept += chunk[: _KEPT_TRAILING - len(kept)] if kept else chunk.lstrip(b"\0")[:_KEPT_TRAILING]
    return bytes(kept)


def _drain(items: Iterable[object]) -> None:
    for _ in items:
        pass
