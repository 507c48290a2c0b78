"""What layouts and directories are built on: locks, staging, and names that stay inside."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.folder.lock import exclusively
from occystrap_core.kit.folder.staging import Staging
from occystrap_core.model.errors import InvalidImage, LimitExceeded, NotFound


class TestLock:
    def test_one_at_a_time(self, tmp_path: Path) -> None:
        count = tmp_path / "count"
        count.write_text("0")

        def add() -> None:
            for _ in range(40):
                with exclusively(tmp_path):
                    count.write_text(str(int(count.read_text()) + 1))

        threads = [threading.Thread(target=add) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert count.read_text() == "240"
        assert [path.name for path in tmp_path.iterdir()] == ["count"]

    def test_it_is_given_back_after_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="within"), exclusively(tmp_path):
            raise ValueError("within")
        with exclusively(tmp_path):
            assert (tmp_path / ".occystrap.lock").exists()


class TestNames:
    @given(st.text(st.sampled_from("ab./\0"), max_size=12))
    def test_a_name_leads_to_a_file_inside_or_nowhere(
        self, tmp_path_factory: pytest.TempPathFactory, name: str
    ) -> None:
        root = tmp_path_factory.mktemp("root")
        (root / "outside").write_bytes(b"outside")
        (root / "inside/a/b").mkdir(parents=True)
        (root / "inside/b").write_bytes(b"inside")
        (root / "inside/a/a").symlink_to("../../outside")
        try:
            content = Folder(root / "inside").read(name)
        except (NotFound, InvalidImage):
            return
        assert content == b"inside" and name == "b"

    def test_what_is_too_large_is_not_read_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(b"12345")
        assert Folder(tmp_path).read("large", limit=5) == b"12345"
        with pytest.raises(LimitExceeded, match="larger than"):
            Folder(tmp_path).read("large", limit=4)


class TestStaging:
    def test_a_folder_of_somebody_else_is_not_taken_for_a_leftover(self, tmp_path: Path) -> None:
        stranger = tmp_path / ".occystrap-incoming-notes"
        stranger.mkdir()
        (stranger / "important").write_bytes(b"important")
        staging = Staging(tmp_path)
        staging.take([b"x"])
        staging.close()
        assert (stranger / "important").read_bytes() == b"important"

    def test_an_owner_that_was_killed_at_once_leaves_nothing_for_long(self, tmp_path: Path) -> None:
        (tmp_path / ".occystrap-incoming-x").mkdir()
        staging = Staging(tmp_path)
        staging.take([b"x"])
        staging.close()
        assert list(tmp_path.iterdir()) == []

    def test_links_in_the_place_of_leftovers_are_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "precious").mkdir()
        (tmp_path / "precious/lock").write_bytes(b"")
        out = tmp_path / "out"
        out.mkdir()
        (out / ".occystrap-incoming-x").symlink_to(tmp_path / "precious")
        staging = Staging(out)
        staging.take([b"x"])
        staging.close()
        assert (tmp_path / "precious/lock").exists()

    def test_files_are_placed_under_their_names(self, tmp_path: Path) -> None:
        staging = Staging(tmp_path / "new")
        one, two = staging.take([b"one"]), staging.take([b"t", b"wo"])
        staging.place(one, "a/b/one")
        staging.place(two, "two")
        staging.sync()
        staging.close()
        assert (one.size, two.size) == (3, 3)
        assert (tmp_path / "new/a/b/one").read_bytes() == b"one"
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a", "two"]
