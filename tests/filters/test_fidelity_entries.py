"""What came out of a run must be what went in, entry by entry, apart from what the filters declare."""

from __future__ import annotations

from typing import Any

import pytest

from occystrap_core.contracts import DeclaredChanges, Depth, Entry
from occystrap_core.contracts.entry import DIRECTORY
from occystrap_core.model.layer import LayerStats
from occystrap_core.testing.build import build_image, file, hardlink, layer_tar, symlink
from occystrap_filters.fidelity.verifier import FidelityVerifier
from tests.filters.fidelity_runs import DROPS, MEMBERS, PASSWD, TIMES, compared, with_instead, without, written

ANY_CHANGE = DeclaredChanges(frozenset({"something else"}))
"""A run may change layers, but nothing that is looked at here."""


class TestEveryFieldOfAnEntry:
    @pytest.mark.parametrize(
        ("other", "field", "declared"),
        [
            (file("last", "end", mtime=9, mode=0o600), "mode", "mode"),
            (file("last", "end", mtime=9, uid=4), "owner", "owner"),
            (file("last", "end", mtime=9, gname=b"staff"), "owner", "owner"),
            (file("last", "end", mtime=8), "mtime", "mtime"),
            (file("last", "end", mtime=9, pax={"atime": b"1"}), "mtime", "mtime"),
            (file("last", "end", mtime=9, xattrs={"user.a": b"1"}), "xattrs", "xattrs"),
            (file("last", "enX", mtime=9), "content", "content"),
            (file("last", "en", mtime=9), "content", "content"),
            (file("last", "end", mtime=9, pax={"VENDOR.x": b"1"}), "PAX records", "PAX records"),
        ],
    )
    def test_a_change_is_found_unless_a_filter_declares_it(self, other: Entry, field: str, declared: str) -> None:
        found = compared(MEMBERS, with_instead("last", other), ANY_CHANGE)
        assert len(found) == 1 and f"'last' in layer 1 has another {field}" in found[0]
        assert compared(MEMBERS, with_instead("last", other), DeclaredChanges(frozenset({declared}))) == []

    def test_a_lost_capability_is_found(self) -> None:
        bare = file("etc/passwd", "root:x:0:0\n", mode=0o644, mtime=9)
        (found,) = compared(MEMBERS, with_instead("etc/passwd", bare), TIMES)
        assert "another xattrs" in found and "security.capability" in found

    def test_a_hole_in_another_place_is_found(self) -> None:
        def sparse(at: bytes) -> Entry:
            records = {"major": b"0", "minor": b"1", "numblocks": b"1", "map": at + b",2", "size": b"4096"}
            return file("last", b"12", pax={f"GNU.sparse.{key}": value for key, value in records.items()})

        found = compared([sparse(b"512")], [sparse(b"1024")], TIMES)
        assert any("another content" in message for message in found)

    def test_another_target_of_a_link_is_found(self) -> None:
        (found,) = compared(MEMBERS, with_instead("etc/link", symlink("etc/link", "shadow", mtime=9)), TIMES)
        assert "another linkname: b'passwd' became b'shadow'" in found

    def test_a_link_that_became_a_copy_is_found(self) -> None:
        copy = file("etc/passwd-", "root:x:0:0\n", mode=0o644, mtime=9)
        assert any("another kind" in found for found in compared(MEMBERS, with_instead("etc/passwd-", copy), TIMES))

    def test_a_directory_in_the_place_of_a_file_is_found(self) -> None:
        other = PASSWD.replaced(name=b"last", kind=DIRECTORY)
        assert any("another kind" in found for found in compared(MEMBERS, with_instead("last", other), TIMES))


class TestWhichEntriesThereAre:
    @pytest.mark.parametrize("gone", [entry.path.decode() for entry in MEMBERS])
    def test_a_lost_entry_is_found_unless_entries_may_go(self, gone: str) -> None:
        found = compared(MEMBERS, without(gone), TIMES)
        assert f"'{gone}' in layer 1 is missing" in found[0]
        assert len(found) == (2 if gone == "etc/passwd" else 1), "a link to what is missing leads nowhere"

    @pytest.mark.parametrize("gone", ["last", "etc/old", "etc/link", "etc/passwd-", "etc"])
    def test_entries_may_go_where_a_filter_says_so(self, gone: str) -> None:
        assert compared(MEMBERS, without(gone), DROPS) == []

    def test_a_new_entry_is_found_unless_entries_may_come(self) -> None:
        new = (*MEMBERS[:3], file("new", "n"), *MEMBERS[3:])
        assert compared(MEMBERS, new, TIMES) == ["'new' in layer 1 was not there, or not in this place"]
        assert compared(MEMBERS, new, DeclaredChanges(may_add=True)) == []

    def test_a_new_entry_is_found_where_entries_may_only_go(self) -> None:
        assert compared(MEMBERS, (*without("last"), file("new", "n")), DROPS) == [
            "'new' in layer 1 was not there, or not in this place"
        ]

    def test_entries_may_come_and_go(self) -> None:
        both = DeclaredChanges(may_add=True, may_drop=True)
        assert compared(MEMBERS, (file("new"), *without("etc/link"), file("newer")), both) == []
        changed = with_instead("last", file("last", "other", mtime=9))
        (found,) = compared(MEMBERS, (file("new"), *changed[3:]), both)
        assert "'last' in layer 1 has another content" in found

    def test_another_order_is_found(self) -> None:
        found = compared(MEMBERS, (*MEMBERS[1:], MEMBERS[0]), TIMES)
        assert len(found) == 2 and all("'etc' in layer 1" in message for message in found)

    def test_a_rename_is_found_unless_names_may_change(self) -> None:
        renamed = with_instead("last", file("least", "end", mtime=9))
        assert len(compared(MEMBERS, renamed, TIMES)) == 2
        assert compared(MEMBERS, renamed, DeclaredChanges(frozenset({"name"}))) == []

    def test_a_cut_off_layer_is_found_even_where_entries_may_go(self) -> None:
        images = build_image([layer_tar(*MEMBERS)]), build_image([layer_tar(*MEMBERS[:3])])
        run = written(*images, DROPS, stats=LayerStats(entries_in=7, entries_out=6, dropped=1))
        (found,) = FidelityVerifier().verify(run, Depth.FULL)
        assert "has 3 of the source's 7 entries; the filters saw 7 and let 6 through" in found.message

    def test_far_apart_entries_are_still_brought_together(self) -> None:
        many = [file(f"{number}", "x") for number in range(2000)]
        assert compared(many, many[1700:], DROPS) == []
        assert compared(many, many[:100] + many[400:], TIMES)[-1] == "and 280 more"

    def test_only_the_first_findings_of_a_layer_are_told(self) -> None:
        before = [file(f"{number}", "x", mtime=1) for number in range(50)]
        found = compared(before, [entry.replaced(mtime=2) for entry in before], ANY_CHANGE)
        assert len(found) == 21 and found[-1] == "and 30 more"


class TestLinksWhoseTargetWent:
    LINK, LATER = hardlink("a", "gone"), hardlink("b", "gone")
    TARGET = file("gone", "content", mode=0o4755, mtime=9, xattrs={"user.a": b"x"})

    def copy(self, name: str = "a", **other: Any) -> Entry:
        fields: dict[str, Any] = {"mode": 0o4755, "mtime": 9, "xattrs": {"user.a": b"x"}, **other}
        return file(name, fields.pop("content", "content"), **fields)

    def test_a_copy_and_links_to_it_are_right(self) -> None:
        assert compared([self.TARGET, self.LINK, self.LATER], [self.copy(), hardlink("b", "a")], DROPS) == []

    @pytest.mark.parametrize("wrong", [{"mode": 0o755}, {"content": "other"}, {"xattrs": {}}, {"mtime": 1}, {"uid": 5}])
    def test_a_copy_that_differs_is_found(self, wrong: dict[str, Any]) -> None:
        (found,) = compared([self.TARGET, self.LINK], [self.copy(**wrong)], DROPS)
        assert "'a' in layer 1 led to b'gone', which is gone, and is neither a copy" in found

    def test_what_other_filters_declare_may_differ_in_the_copy(self) -> None:
        assert compared([self.TARGET, self.LINK], [self.copy(mtime=1)], DROPS, TIMES) == []

    def test_a_link_that_leads_nowhere_is_found(self) -> None:
        (found,) = compared([self.TARGET, self.LINK], [self.LINK], DROPS)
        assert "neither a copy of it nor leads to one" in found

    def test_a_link_to_another_file_is_found(self) -> None:
        other = file("other", "x")
        (found,) = compared([other, self.TARGET, self.LINK], [other, hardlink("a", "other")], DROPS)
        assert "neither a copy of it nor leads to one" in found

    def test_a_link_over_a_dropped_link_leads_to_the_end_of_it(self) -> None:
        kept = file("kept", "k")
        before = [kept, hardlink("gone", "kept"), self.LINK]
        assert compared(before, [kept, hardlink("a", "kept")], DROPS) == []
        assert len(compared(before, [kept, hardlink("a", "gone")], DROPS)) == 1
