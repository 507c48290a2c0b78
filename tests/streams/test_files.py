"""Spools leave nothing behind; atomic files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from occystrap_core.model.errors import TemporaryFileError, TransferError, UsageError, attributed
from occystrap_core.streams.atomic import SUFFIX, AtomicFile, write_atomically
from occystrap_core.streams.spool import Spool

CONTENT = random.Random(8).randbytes(1_000_000)


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """Writing past 100 000 bytes of a file fails, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


class TestSpool:
    def test_gives_back_what_was_written_as_often_as_asked(self, tmp_path: Path) -> None:
        with Spool(tmp_path) as spool:
            spool.write(b"first ")
            spool.write(memoryview(b"second "))
            spool.fill([b"third", b"", b"."])
            assert spool.size == len(b"first second third.")
            for _ in range(2):
                assert b"".join(spool.chunks()) == b"first second third."
            assert b"".join(spool.chunks(start=6)) == b"second third."
            assert b"".join(spool.chunks(start=1000)) == b""

    def test_chunks_have_a_moderate_size(self, tmp_path: Path) -> None:
        with Spool(tmp_path) as spool:
            spool.write(CONTENT)
            assert max(map(len, spool.chunks())) <= 1 << 20

    def test_several_readers_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        results: list[bytes] = []
        with Spool(tmp_path) as spool:
            spool.fill(CONTENT[start : start + 70_000] for start in range(0, len(CONTENT), 70_000))
            readers = [threading.Thread(target=lambda: results.append(b"".join(spool.chunks()))) for _ in range(4)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
        assert results == [CONTENT] * 4

    def test_has_no_name(self, tmp_path: Path) -> None:
        with Spool(tmp_path) as spool:
            spool.write(CONTENT)
            assert list(tmp_path.iterdir()) == []
            assert os.fstat(spool.fileno()).st_nlink == 0

    def test_lies_in_the_temporary_directory_of_the_system_by_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with Spool() as spool:
            assert os.fstat(spool.fileno()).st_dev == tmp_path.stat().st_dev

    def test_its_file_descriptor_sees_everything_written(self, tmp_path: Path) -> None:
        with Spool(tmp_path) as spool:
            spool.write(b"small")
            assert os.pread(spool.fileno(), 100, 0) == b"small"

    def test_closing_twice_is_closing(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path)
        spool.close()
        spool.close()

    @pytest.mark.usefixtures("small_files_only")
    def test_a_full_disk_names_the_directory_of_temporary_files(self, tmp_path: Path) -> None:
        with Spool(tmp_path) as spool, pytest.raises(TemporaryFileError) as caught:
            spool.write(CONTENT)
        assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path))

    def test_neither_side_is_blamed_for_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(TransferError) as caught, attributed("source"):
            Spool(tmp_path / "none")
        where = f"temporary files: {tmp_path / 'none'}: No such file or directory"
        assert str(caught.value) == f"{where} (--temp-dir names another directory for them)"


class TestAtomicFile:
    def test_appears_with_commit(self, tmp_path: Path) -> None:
        path = tmp_path / "image.tar"
        with AtomicFile(path) as target:
            target.file.write(CONTENT)
            assert not path.exists()
            target.commit()
            assert path.read_bytes() == CONTENT
        assert list(tmp_path.iterdir()) == [path]

    def test_until_then_it_is_hidden_beside_its_place_and_recognisable(self, tmp_path: Path) -> None:
        with AtomicFile(tmp_path / "image.tar"):
            (unfinished,) = tmp_path.iterdir()
            assert unfinished.name.startswith(".image.tar.")
            assert unfinished.name.endswith(SUFFIX)

    def test_may_be_patched_before_commit(self, tmp_path: Path) -> None:
        path = tmp_path / "image.tar"
        with AtomicFile(path) as target:
            target.file.write(b"placeholder, body")
            target.file.seek(0)
            target.file.write(b"true header")
            target.commit()
        assert path.read_bytes() == b"true header, body"

    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o644), (0, 0o644)])
    def test_the_umask_decides_who_may_read_it(self, tmp_path: Path, umask: int, mode: int) -> None:
        before = os.umask(umask)
        try:
            write_atomically(tmp_path / "index.json", b"{}")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "index.json").stat().st_mode) == mode

    def test_replaces_what_was_there(self, tmp_path: Path) -> None:
        path = tmp_path / "index.json"
        path.write_bytes(b"old and longer")
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"

    def test_an_error_leaves_what_was_there(self, tmp_path: Path) -> None:
        path = tmp_path / "index.json"
        path.write_bytes(b"old")
        with pytest.raises(ZeroDivisionError), AtomicFile(path) as target:
            target.file.write(b"new")
            raise ZeroDivisionError
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    def test_leaving_without_commit_is_abort(self, tmp_path: Path) -> None:
        with AtomicFile(tmp_path / "x") as target:
            target.file.write(b"new")
        assert list(tmp_path.iterdir()) == []

    def test_abort_is_harmless_twice_and_after_commit(self, tmp_path: Path) -> None:
        first = AtomicFile(tmp_path / "first")
        first.abort()
        first.abort()
        second = AtomicFile(tmp_path / "second")
        second.commit()
        second.abort()
        assert [path.name for path in tmp_path.iterdir()] == ["second"]

    @pytest.mark.usefixtures("small_files_only")
    def test_a_full_disk_leaves_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "image.tar"
        path.write_bytes(b"old")
        for size in (150_000, 101_000):
            with pytest.raises(OSError), AtomicFile(path) as target:
                for start in range(0, size, 1000):
                    target.file.write(CONTENT[start : start + 1000])
                target.commit()
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_symbolic_link_stays_one(self, tmp_path: Path) -> None:
        (tmp_path / "store").mkdir()
        link = tmp_path / "latest.tar"
        link.symlink_to("store/image.tar")
        for content in (b"first", b"second"):
            write_atomically(link, content)
            assert link.is_symlink()
            assert (tmp_path / "store" / "image.tar").read_bytes() == content

    @pytest.mark.parametrize("path", ["/dev/null", "/tmp"])
    def test_devices_and_directories_are_not_replaced(self, path: str) -> None:
        before = os.stat(path)
        with pytest.raises(UsageError, match=f"{path} is not a regular file"):
            AtomicFile(Path(path))
        assert os.stat(path).st_ino == before.st_ino

    def test_a_missing_directory_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError) as caught:
            AtomicFile(tmp_path / "missing" / "image.tar")
        assert str(tmp_path / "missing") in str(caught.value)

    @pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, "space and\nnewline"])
    def test_any_name_the_system_takes_works(self, tmp_path: Path, name: str) -> None:
        write_atomically(tmp_path / name, b"content")
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_two_writers_do_not_meet(self, tmp_path: Path) -> None:
        path = tmp_path / "index.json"
        one, two = AtomicFile(path), AtomicFile(path)
        one.file.write(b"one")
        two.file.write(b"two")
        two.commit()
        one.commit()
        assert path.read_bytes() == b"one"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_killed_run_leaves_only_the_unfinished_file_and_the_next_succeeds(self, tmp_path: Path) -> None:
        path = tmp_path / "image.tar"
        path.write_bytes(b"old")
        program = (
            "import os, signal, sys; from pathlib import Path\n"
            "from occystrap_core.streams.atomic import AtomicFile\n"
            "target = AtomicFile(Path(sys.argv[1])); target.file.write(b'half'); target.file.flush()\n"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert path.read_bytes() == b"old"
        (left,) = (other for other in tmp_path.iterdir() if other != path)
        assert left.name.endswith(SUFFIX)
        other = AtomicFile(tmp_path / "image.tar.gz")
        other.abort()
        assert left.exists(), "only the next run to the same name takes it away"
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"
        assert list(tmp_path.iterdir()) == [path]

    def test_what_another_process_is_still_writing_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "image.tar"
        program = (
            "import sys; from pathlib import Path\n"
            "from occystrap_core.streams.atomic import AtomicFile\n"
            "target = AtomicFile(Path(sys.argv[1])); target.file.write(b'theirs'); print('there', flush=True)\n"
            "sys.stdin.read(); target.commit()"
        )
        command = [sys.executable, "-c", program, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout and other.stdout.readline() == "there\n"
            write_atomically(path, b"ours")
            assert path.read_bytes() == b"ours"
            other.communicate()
        assert (other.returncode, path.read_bytes()) == (0, b"theirs")
        assert list(tmp_path.iterdir()) == [path]
