"""`-f normalize-timestamps` sets every time, and nothing else."""

from __future__ import annotations

import io
import tarfile

import pytest

from occystrap_core.contracts import Entry
from occystrap_core.model.errors import OptionError
from occystrap_core.streams.tar import TarReader
from occystrap_core.testing.build import build_image, directory, file, hardlink, layer_tar, symlink, whiteout
from tests.filters.driving import digest_of, filtered, opened

OLD = 1_600_000_000


def members() -> list[Entry]:
    long = "deep/" * 60
    return [
        directory("etc", mtime=OLD),
        file("etc/passwd", "root", mtime=OLD, uid=5, gid=6, uname=b"u", gname=b"g", mode=0o4755),
        file("etc/fraction", "x", mtime=OLD + 0.25),
        file("etc/cap", "x", mtime=OLD, xattrs={"security.capability": b"\x01\x00\n=\xff", "user.a": b"b"}),
        file(long + "file", "y", mtime=OLD, pax={"atime": b"1.5", "ctime": b"2", "LIBARCHIVE.creationtime": b"3"}),
        symlink("etc/link", "passwd", mtime=OLD),
        hardlink("etc/hard", "etc/passwd", mtime=OLD),
        whiteout("etc/gone"),
    ]


def gnu_times() -> bytes:
    """A layer whose second half has GNU headers with access and change times."""
    info = tarfile.TarInfo("gnu")
    info.mtime = OLD
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[345:357] = b"13700000000\0"
    block[357:369] = b"13700000001\0"
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 8 * 0x20)
    return bytes(block) + bytes(1024)


def fields(entry: Entry) -> tuple[object, ...]:
    kept = {key: value for key, value in entry.pax.items() if not key.endswith("time")}
    owner = (entry.uid, entry.gid, entry.uname, entry.gname)
    return entry.name, entry.kind, entry.linkname, entry.size, entry.mode, owner, dict(entry.xattrs), kept


@pytest.mark.parametrize(("text", "seconds"), [("", 0), (":ts=1234567890", 1_234_567_890), (":timestamp=7", 7)])
def test_every_time_becomes_the_same_and_every_other_field_stays(text: str, seconds: int) -> None:
    before = layer_tar(*members())
    result = filtered(before, "normalize-timestamps" + text)
    after = list(TarReader((result.layers[0],)))
    assert [entry.mtime for entry in after] == [seconds] * len(members())
    assert not any("time" in key for entry in after for key in entry.pax)
    assert [fields(entry) for entry in after] == [fields(entry) for entry in TarReader((before,))]


def test_contents_order_and_documents_follow() -> None:
    result = filtered(layer_tar(*members()), "normalize-timestamps")
    with tarfile.open(fileobj=io.BytesIO(result.layers[0])) as archive:
        assert archive.extractfile("etc/passwd").read() == b"root"  # type: ignore[union-attr]
        assert {member.mtime for member in archive} == {0}
    assert result.config["rootfs"]["diff_ids"] == [digest_of(result.layers[0])]


def test_gnu_access_and_change_times_go_too() -> None:
    result = filtered(gnu_times(), "normalize-timestamps:ts=5")
    block = result.layers[0][:512]
    assert not any(block[345:369])
    assert tarfile.TarInfo.frombuf(block, "utf-8", "strict").mtime == 5


def test_a_time_that_octal_digits_cannot_say_is_still_said() -> None:
    result = filtered(layer_tar(file("x", mtime=OLD)), "normalize-timestamps:ts=100000000000")
    (entry,) = TarReader((result.layers[0],))
    assert entry.mtime == 100_000_000_000


def test_layers_that_differ_in_times_only_become_equal_and_stay_so() -> None:
    one, other = layer_tar(file("a", "x", mtime=1)), layer_tar(file("a", "x", mtime=2.5, pax={"ctime": b"9"}))
    first = filtered(build_image([one, other]), "normalize-timestamps")
    assert first.layers[0] == first.layers[1]
    again = filtered(first.layers[0], "normalize-timestamps")
    assert not again.outcome.images[0].layers[0].changed


def test_the_config_keeps_its_times_unless_asked() -> None:
    history = [{"created": "2024-01-02T03:04:05Z", "created_by": "x"}]
    image = build_image([layer_tar(file("a", mtime=1))], history=history, config={"created": "2024-01-02T03:04:05Z"})
    plain = filtered(image, "normalize-timestamps:ts=60")
    assert (plain.config["created"], plain.config["history"]) == ("2024-01-02T03:04:05Z", history)
    asked = filtered(image, "normalize-timestamps:ts=60,config=true")
    assert asked.config["created"] == "1970-01-01T00:01:00Z"
    assert asked.config["history"] == [{"created": "1970-01-01T00:01:00Z", "created_by": "x"}]


def test_a_config_without_times_gets_none() -> None:
    image = build_image([layer_tar(file("a"))], history=[{"created_by": "x"}])
    result = filtered(image, "normalize-timestamps:config=true")
    assert result.config["history"] == [{"created_by": "x"}]


@pytest.mark.parametrize("seconds", ["-1", "253402300800", "99999999999999999999"])
def test_a_time_out_of_range_is_refused(seconds: str) -> None:
    with pytest.raises(OptionError, match="not a time"):
        opened(f"normalize-timestamps:ts={seconds}")


def test_a_fraction_of_a_second_is_refused() -> None:
    with pytest.raises(OptionError, match="not a whole number"):
        opened("normalize-timestamps:ts=1.5")


def test_the_fingerprint_tells_every_option() -> None:
    texts = ["normalize-timestamps", "normalize-timestamps:ts=1", "normalize-timestamps:config=true"]
    assert len({opened(text).filter.fingerprint for text in texts}) == 3
