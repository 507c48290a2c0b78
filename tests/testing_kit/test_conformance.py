"""The suites themselves: they pass what keeps the contracts, and name the rule that is broken."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import pytest

from occystrap_core.contracts.entry import Entry
from occystrap_core.contracts.filter import DeclaredChanges, FilterReport
from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.contracts.options import parse_options
from occystrap_core.contracts.output import Receipt
from occystrap_core.contracts.settings import Settings
from occystrap_core.contracts.verifier import Written
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import NotFound, TransferError
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.testing.build import build_image, build_index, device, file, layer_tar
from occystrap_core.testing.conformance import (
    ContractViolation,
    check_filter,
    check_input,
    check_output,
    check_plugin,
    check_rule,
    check_verifier,
)
from occystrap_core.testing.memory import SAMPLE_NAME, MemoryInput, MemoryOutput, MemoryStore
from occystrap_inputs.sample.input import SampleInput

IMAGE = build_image([layer_tar(("a", "one" * 999)), layer_tar(("b", "two" * 999))])


class TestInputs:
    @pytest.mark.parametrize("tree", [IMAGE, build_index([IMAGE], attest=True)])
    def test_the_memory_input_conforms(self, tree, tmp_path):
        check_input(lambda: MemoryInput(tree, chunk_size=100), expected=tree, untouched=tmp_path)

    def test_an_input_that_can_be_read_only_once_conforms(self):
        check_input(lambda: MemoryInput(IMAGE, reopenable=False, concurrent=False), expected=IMAGE)

    @pytest.mark.parametrize("query", ["", "?platforms=linux/amd64,linux/arm64&family=oci", "?compression=gzip"])
    def test_the_sample_conforms(self, query):
        from occystrap_core.contracts.address import Address
        from occystrap_inputs.sample.plugin import SampleOptions

        address = Address.parse(f"sample://{query}")
        check_input(lambda: SampleInput(address, parse_options(SampleOptions, address.pairs, "source"), Settings()))

    def test_a_document_with_other_bytes_is_noticed(self):
        damaged = {IMAGE.config.digest: IMAGE.config.raw + b" "}
        with pytest.raises(ContractViolation, match="its descriptor says"):
            check_input(lambda: MemoryInput(IMAGE, instead=damaged))

    def test_a_blob_with_other_bytes_is_noticed(self):
        layer = IMAGE.layers[0]
        damaged = {layer.descriptor.digest: bytes(len(layer.blob))}
        with pytest.raises(ContractViolation, match="digest that its descriptor says"):
            check_input(lambda: MemoryInput(IMAGE, instead=damaged))

    def test_another_image_than_the_expected_one_is_noticed(self):
        other = build_image([layer_tar(("c", "")), layer_tar(("d", ""))])
        with pytest.raises(ContractViolation, match="image that was asked for"):
            check_input(lambda: MemoryInput(other), expected=IMAGE)

    def test_writing_is_noticed(self, tmp_path: Path):
        def open_and_write():
            (tmp_path / "cache").write_text("here I was")
            return MemoryInput(IMAGE)

        with pytest.raises(ContractViolation, match="never writes"):
            check_input(open_and_write, untouched=tmp_path)

    def test_an_empty_answer_for_a_missing_blob_is_noticed(self):
        class Silent(MemoryInput):
            def _stream(self, digest):
                try:
                    yield from super()._stream(digest)
                except NotFound:
                    return

        with pytest.raises(ContractViolation, match="NotFound"):
            check_input(lambda: Silent(IMAGE))

    def test_a_stream_shared_by_all_callers_is_noticed(self):
        class Shared(MemoryInput):
            def __init__(self, *args, **options):
                super().__init__(*args, **options)
                self.streams = {}

            def blob(self, descriptor: Descriptor):
                return self.streams.setdefault(descriptor.digest, super().blob(descriptor))

        with pytest.raises(ContractViolation, match="opened again"):
            check_input(lambda: Shared(IMAGE))


class TestOutputs:
    def check(self, kind=MemoryOutput, **options):
        store = MemoryStore()
        check_output(lambda: kind(store, **options), reopen=store.open, visible=store.snapshot)

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"family": Family.OCI, "compressions": (Compression.NONE,)},
            {"convert": Compression.ZSTD, "holds_indexes": False, "holds_artifacts": False},
        ],
    )
    def test_the_memory_output_conforms(self, options):
        self.check(**options)

    def test_showing_a_blob_before_commit_is_noticed(self):
        class Hasty(MemoryOutput):
            def keep(self, staged, blob, layer):
                super().keep(staged, blob, layer)
                self.store.blobs[blob.digest] = staged.data

        with pytest.raises(ContractViolation, match="before commit"):
            self.check(Hasty)

    def test_an_abort_that_leaves_something_is_noticed(self):
        class Messy(MemoryOutput):
            def abort(self):
                super().abort()
                self.store.blobs[IMAGE.root.digest] = b"left over"

        with pytest.raises(ContractViolation, match="leaves the destination as it was"):
            self.check(Messy)

    def test_a_swallowed_error_is_noticed(self):
        class Swallowing(MemoryOutput):
            def put_blob(self, chunks, slot):
                try:
                    return super().put_blob(chunks, slot)
                except TransferError:
                    return super().put_blob([b""], dataclasses.replace(slot, order=slot.order + 1))

        with pytest.raises(ContractViolation, match="lets an error"):
            self.check(Swallowing)

    def test_chunks_kept_without_copying_are_noticed(self):
        class Keeping(MemoryOutput):
            def put_blob(self, chunks, slot):
                return super().put_blob([b"".join(list(chunks))], slot)

        with pytest.raises(ContractViolation):
            self.check(Keeping)

    def test_a_receipt_for_something_else_is_noticed(self):
        class Wrong(MemoryOutput):
            def commit(self, root):
                super().commit(root)
                return Receipt("memory", "memory://other", SAMPLE_NAME, IMAGE.root)

        with pytest.raises(ContractViolation, match="receipt names the root"):
            self.check(Wrong)


class Plain:
    """A filter that does nothing, to be broken in one way each."""

    fingerprint = "plain"
    observes = False
    changes = DeclaredChanges()

    def __init__(self):
        self.seen = 0

    def config(self, config, image):
        return config

    def begin(self, layer, image):
        return Passing()

    def finish(self, image, layers):
        pass

    def report(self):
        return FilterReport((str(self.seen),))


class Passing:
    def entry(self, entry: Entry) -> Entry | None:
        return entry

    def finish(self) -> Iterable[Entry]:
        return ()


class TestFilters:
    def test_a_filter_that_does_nothing_conforms(self):
        check_filter(Plain)

    def test_a_declared_change_conforms(self):
        class Now(Passing):
            def entry(self, entry):
                return entry.replaced(mtime=0)

        class Touch(Plain):
            changes = DeclaredChanges(frozenset({"mtime"}))

            def begin(self, layer, image):
                return Now()

        check_filter(Touch)

    def test_a_change_that_is_not_declared_is_noticed(self):
        class Renaming(Passing):
            def entry(self, entry):
                return entry.replaced(name=entry.name + b"2")

        class Rename(Plain):
            changes = DeclaredChanges(frozenset({"mtime"}))

            def begin(self, layer, image):
                return Renaming()

        with pytest.raises(ContractViolation, match="declares 'name'"):
            check_filter(Rename)

    def test_a_dropped_entry_that_is_not_declared_is_noticed(self):
        class Dropping(Passing):
            def entry(self, entry):
                return None if entry.name == b"bin" else entry

        class Drop(Plain):
            def begin(self, layer, image):
                return Dropping()

        with pytest.raises(ContractViolation, match="may_drop"):
            check_filter(Drop)

    def test_counting_passes_that_were_given_up_is_noticed(self):
        class Count(Plain):
            def begin(self, layer, image):
                self.seen += 1
                return Passing()

        with pytest.raises(ContractViolation, match="given-up passes"):
            check_filter(Count)

    def test_state_shared_between_layers_is_noticed(self):
        class Alternating(Passing):
            def __init__(self, owner):
                self.owner = owner

            def entry(self, entry):
                self.owner.seen += 1
                return entry.replaced(mtime=self.owner.seen)

        class Share(Plain):
            changes = DeclaredChanges(frozenset({"mtime"}))

            def begin(self, layer, image):
                return Alternating(self)

        with pytest.raises(ContractViolation, match="started again"):
            check_filter(Share)

    def test_a_config_changed_in_place_is_noticed(self):
        class InPlace(Plain):
            def config(self, config, image):
                config["author"] = "me"
                return config

        with pytest.raises(ContractViolation, match="never changes what it is given"):
            check_filter(InPlace)

    def test_an_observer_that_changes_is_noticed(self):
        class Now(Passing):
            def entry(self, entry):
                return entry.replaced(mtime=7)

        class Liar(Plain):
            observes = True

            def begin(self, layer, image):
                return Now()

        with pytest.raises(ContractViolation, match="observes changes nothing"):
            check_filter(Liar)


class TestVerifiers:
    WRITTEN = Written(Receipt("memory", "memory://x", SAMPLE_NAME, IMAGE.root), (), (), (), Settings(), None, None)

    def verifier(self, findings):
        class Fixed:
            def verify(self, written, depth):
                return list(findings)

        return Fixed()

    def test_a_verifier_must_notice_damage(self):
        findings: list[Finding] = []
        spoil = lambda: findings.append(Finding("size", Severity.ERROR, "it is too short"))  # noqa: E731
        check_verifier(self.verifier(findings), self.WRITTEN, damage=spoil)
        findings.clear()
        with pytest.raises(ContractViolation, match="damaged result"):
            check_verifier(self.verifier(findings), self.WRITTEN, damage=lambda: None)

    def test_an_error_about_a_sound_result_is_noticed(self):
        with pytest.raises(ContractViolation, match="sound result"):
            check_verifier(self.verifier([Finding("size", Severity.ERROR, "wrong")]), self.WRITTEN)

    def test_a_finding_says_what_is_wrong(self):
        with pytest.raises(ContractViolation, match="says what is wrong"):
            check_verifier(self.verifier([Finding("size", Severity.WARNING, "")]), self.WRITTEN)


class TestPlugins:
    def write(self, tmp_path, monkeypatch, text: str) -> str:
        (tmp_path / "acme_plugin.py").write_text("from occystrap_core.contracts import *\n" + text)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.delitem(__import__("sys").modules, "acme_plugin", raising=False)
        return "acme_plugin"

    def test_a_module_of_ours_conforms(self):
        assert [spec.name for spec in check_plugin("occystrap_inputs.sample.plugin")] == ["sample"]
        assert [spec.name for spec in check_plugin("occystrap_filters.fidelity.plugin")] == ["fidelity"]

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("import ssl", "nothing heavy: ssl"),
            ("", "offers something"),
            ("def occystrap_inputs(): yield InputSpec('X', 'x', 'builtins:dict')", "written as users write it"),
            ("def occystrap_inputs(): yield InputSpec('x', '', 'builtins:dict')", "a summary"),
            ("def occystrap_inputs(): yield InputSpec('x', 'x', 'builtins:nothing')", "can be called"),
            ("def occystrap_inputs(): yield InputSpec('x', 'x', 'builtins:dict')", "how its addresses are written"),
            ("def occystrap_filters(): yield FilterSpec('x', 'x', 'builtins:dict', dict)", "are a dataclass"),
            ("def occystrap_filters(): yield FilterSpec('x', 'x', 'builtins:dict', api=99)", "contracts that exist"),
        ],
    )
    def test_a_broken_rule_is_named(self, tmp_path, monkeypatch, text, rule):
        with pytest.raises(ContractViolation, match=rule):
            check_plugin(self.write(tmp_path, monkeypatch, text))


class TestRules:
    """A rule is a module; each of these says something about images that have a file called bad."""

    GOOD = """
from occystrap_core.contracts import *

def occystrap_checks():
    yield CheckSpec("no-bad", "no file is bad", "acme_rule:NoBad", Severity.WARNING, Needs.HEADERS,
                    why="bad is bad", example="RUN touch /bad", remedy="leave it")

class NoBad(Examination):
    def layer(self, image, layer):
        return Bad()

class Bad(LayerExamination):
    def entry(self, entry):
        return (Remark("bad is there"),) if entry.path == b"bad" else ()
"""
    BAD = build_image([layer_tar(("bad", ""))])
    FINE = build_image([layer_tar(("fine", ""))])

    def rule(self, tmp_path, monkeypatch, old="", new="") -> str:
        assert old in self.GOOD
        (tmp_path / "acme_rule.py").write_text(self.GOOD.replace(old, new) if old else self.GOOD)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.delitem(__import__("sys").modules, "acme_rule", raising=False)
        return "acme_rule"

    def test_a_rule_that_keeps_the_contract(self, tmp_path, monkeypatch):
        check_rule(self.rule(tmp_path, monkeypatch), broken=self.BAD, sound=[self.FINE])

    @pytest.mark.parametrize(
        "module", ["occystrap_checks.tar.device_node", "occystrap_checks.config.arch_vs_elf"], ids=lambda each: each
    )
    def test_rules_of_ours_keep_it(self, module):
        null = device("srv/null", 1, 3)
        elf = file("bin/x", b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\xb7\0", mode=0o755)
        check_rule(module, broken=build_image([layer_tar(null, elf)], config={"config": {"Cmd": ["/bin/x"]}}))

    @pytest.mark.parametrize(
        ("old", "new", "rule"),
        [
            ('why="bad is bad"', 'why=""', "says something as its why"),
            ('"no-bad"', '"No-Bad"', "written as users write it"),
            ('b"bad"', 'b"worse"', "finds something in what breaks it"),
            ('if entry.path == b"bad"', "if entry", "a sound image is sound"),
            ('"bad is there"', 'f"{entry.path.decode()}\\nis there"', "one line that can be printed"),
            ('"bad is there"', '"bad", severity=Severity.INFO', "weighs warning"),
            ("return Bad()", "return Bad() if image.config.json else 1 / 0", "lives through a missing config"),
            ('b"bad"', 'b"bad" or entry.path.decode() == "bad"', "lives through a layer with odd names"),
        ],
    )
    def test_what_is_broken_is_named(self, tmp_path, monkeypatch, old, new, rule):
        with pytest.raises(ContractViolation, match=rule):
            check_rule(self.rule(tmp_path, monkeypatch, old, new), broken=self.BAD, sound=[self.FINE])
