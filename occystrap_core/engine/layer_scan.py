"""Reading one layer for all rules at once: its bytes are measured, its entries shown around.

Damage never raises: the layer is read as far as it goes, and the facts say what ended it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain as joined

from occystrap_core.contracts.check import LayerExamination, LayerFacts, LayerUnderCheck, Remark
from occystrap_core.contracts.entry import REGULAR, Entry
from occystrap_core.contracts.input import Chunk, Input
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.schedule import Stopped
from occystrap_core.model.digest import Digest, Hasher
from occystrap_core.model.errors import DigestMismatch, LimitExceeded, OccystrapError
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec import StreamNotes, inflate, sniff
from occystrap_core.streams.relay import relay
from occystrap_core.streams.tar import TarReader
from occystrap_core.streams.verified import Measured

MAX_ENTRIES = 5_000_000
MAX_REMARKS = 20
_KEPT_CONTENT = 1 << 20
_KINDS = tuple(bytes([code]) for code in range(256))
_EXECUTABLE = 0o111

Remarks = dict[str, list[Remark]]
"""What was said so far, by the id of the rule."""
Tap = Callable[[Iterable[Chunk]], Iterator[Chunk]]


@dataclass(frozen=True, slots=True)
class Examiner:
    """One rule's examination of one layer, with its spec."""

    spec: CheckSpec
    examination: LayerExamination


@dataclass(slots=True)
class LayerScan:
    """`threads` more than one hash beside. `failures` are rules that crashed, with what they raised."""

    source: Input
    layer: LayerUnderCheck
    examiners: tuple[Examiner, ...]
    tap: Tap
    threads: int
    records: LayerRecords
    remarks: Remarks = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    _dropped: dict[str, int] = field(default_factory=dict)

    def run(self) -> LayerFacts:
        facts = self._read()
        for examiner in self.examiners:
            self._ask(examiner, lambda examiner=examiner: examiner.examination.finish(facts))  # type: ignore[misc]
        for rule, count in self._dropped.items():
            self.remarks[rule].append(Remark(f"and {count} more of these in this layer"))
        return facts

    def _read(self) -> LayerFacts:
        descriptor = self.layer.descriptor
        facts = LayerFacts(self.layer)
        if descriptor is None:
            return facts
        stored = _Stored(descriptor.digest.hasher(), descriptor.size)
        blob = stored.pass_on(self.tap(self.source.blob(descriptor)))
        try:
            facts = self._opened(facts, blob) if self.layer.is_tar else facts
            _drain(blob)
        except Stopped:
            raise
        except OccystrapError as error:
            facts = replace(facts, damage=facts.damage or error)
        digest = Digest(descriptor.digest.algorithm, stored.hasher.hexdigest())
        return replace(facts, digest=digest, size=stored.size)

    def _opened(self, facts: LayerFacts, blob: Iterator[Chunk]) -> LayerFacts:
        head = bytes(next(blob, b""))
        found = sniff(head[:16])
        facts = replace(facts, magic=head[:16], compression=found or Compression.NONE)
        notes = StreamNotes()
        chunks = relay(inflate(joined((head,), _unclosed(blob)), facts.compression or Compression.NONE, notes=notes))
        plain = Measured(chunks, threaded=self.threads > 1)
        stream = iter(plain)
        try:
            facts = self._entries(facts, stream)
            _drain(stream)
        except Stopped:
            raise
        except OccystrapError as error:
            facts = replace(facts, damage=facts.damage or error)
        finally:
            chunks.close()
        whole = facts.damage is None or not isinstance(facts.damage, LimitExceeded)
        facts = replace(facts, members=notes.members, skippable_first=notes.skippable_first, window=notes.window)
        return replace(facts, diff_id=plain.digest if whole else None, unpacked=plain.size)

    def _entries(self, facts: LayerFacts, stream: Iterator[Chunk]) -> LayerFacts:
        """A damaged archive ends here; the rest of the stream is still measured by the caller."""
        reader = TarReader(_unclosed(stream))
        count = 0
        try:
            for count in self._shown(reader):  # noqa: B007
                pass
            _drain(reader.trailer())
        except Stopped:
            raise
        except OccystrapError as error:
            facts = replace(facts, damage=error)
        count = len(self.records) + len(self.records.whiteouts) + len(self.records.opaque) if facts.damage else count
        return replace(facts, entries=count, has_end=reader.has_end, trailing_bytes=reader.trailing_bytes)

    def _shown(self, reader: Iterable[Entry]) -> Iterator[int]:
        """Counts the entries, each shown to every rule that wants its kind."""
        calls, heads, wanted = self._calls(), _Heads.of(self.examiners), self._wanted_content()
        remember, note = self.records.add, self._note
        count, rule = 0, ""
        for entry in reader:
            count += 1
            if count > MAX_ENTRIES:
                raise LimitExceeded(f"the layer has more than {MAX_ENTRIES} entries")
            remember(entry)
            waiting = iter(calls[entry.kind[0]])
            while True:
                try:
                    for rule, call in waiting:
                        for remark in call(entry):
                            note(rule, remark)
                    break
                except OccystrapError:
                    raise
                except Exception as error:  # noqa: BLE001  # a rule is foreign code; its crash is a finding about the rule
                    self._fail(rule, error)
                    calls = self._calls()
            if (heads or wanted) and entry.kind == REGULAR:
                self._show_content(entry, heads, wanted)
        yield count

    def _show_content(self, entry: Entry, heads: Sequence[_Heads], wanted: frozenset[bytes]) -> None:
        interested = [each for each in heads if each.wants(entry)]
        limit = max((each.size for each in interested), default=0)
        keep = entry.path in wanted
        if not interested and not keep:
            return
        data = _first_bytes(entry.body, _KEPT_CONTENT if keep else limit)
        if keep:
            self.records.contents[entry.path] = data
        for each in interested:
            self._ask(each.examiner, lambda each=each: each.examiner.examination.head(entry, data[: each.size]))  # type: ignore[misc]

    def _calls(self) -> tuple[tuple[tuple[str, Callable[[Entry], Iterable[Remark]]], ...], ...]:
        """By kind, who is to see an entry; rules that leave `entry` alone are not bothered."""
        base = LayerExamination.entry
        interested = [
            each
            for each in self.examiners
            if type(each.examination).entry is not base and each.spec.name not in self.failures
        ]
        return tuple(
            tuple(
                (each.spec.name, each.examination.entry)
                for each in interested
                if each.spec.kinds is None or kind in each.spec.kinds
            )
            for kind in _KINDS
        )

    def _wanted_content(self) -> frozenset[bytes]:
        return frozenset(path.strip("/").encode() for each in self.examiners for path in each.spec.content)

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
        said = self.remarks.setdefault(rule, [])
        if len(said) < MAX_REMARKS:
            said.append(remark)
        else:
            self._dropped[rule] = self._dropped.get(rule, 0) + 1

    def _fail(self, rule: str, error: Exception) -> None:
        self.failures[rule] = f"{type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class _Heads:
    """A rule that wants first bytes of files, and of which."""

    examiner: Examiner
    size: int
    executables: bool
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, examiners: Iterable[Examiner]) -> tuple[_Heads, ...]:
        return tuple(cls._made(each) for each in examiners if each.spec.head)

    @classmethod
    def _made(cls, examiner: Examiner) -> _Heads:
        globs = [glob for glob in examiner.spec.head_of if glob != "executable"]
        pattern = re.compile("|".join(map(fnmatch.translate, globs))) if globs else None
        return cls(examiner, examiner.spec.head, "executable" in examiner.spec.head_of, pattern)

    def wants(self, entry: Entry) -> bool:
        if self.executables and entry.mode & _EXECUTABLE:
            return True
        if self.pattern is None:
            return not self.executables
        return self.pattern.match(entry.path.decode("utf-8", "surrogateescape")) is not None


class _Stored:
    """Counts and hashes the bytes of a blob as they are stored, and stops at one too many."""

    def __init__(self, hasher: Hasher, promised: int) -> None:
        self.hasher = hasher
        self.size = 0
        self._promised = promised

    def pass_on(self, chunks: Iterable[Chunk]) -> Generator[Chunk, None, None]:
        update = self.hasher.update
        for chunk in chunks:
            self.size += len(chunk)
            if self.size > self._promised:
                raise DigestMismatch(f"it is larger than the {self._promised} bytes of its descriptor")
            update(chunk)
            yield chunk


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


def _drain(items: Iterable[object]) -> None:
    for _ in items:
        pass
