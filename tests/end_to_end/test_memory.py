"""Memory does not grow with the image: the whole process, seen from outside."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import OCI_LAYER, Family
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import BuiltLayer, build_image, layer_tar
from tests.end_to_end.images import write_layout
from tests.peers import Registry

MEGABYTE = 1 << 20
LIMIT = 100 * MEGABYTE
NORMALIZE = ("-f", "normalize-timestamps:ts=7")
Peak = Callable[..., int]


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder in memory where there is one: what is measured is not how fast a disk is."""
    shared = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(prefix="occystrap-memory-", dir=shared if os.access(shared, os.W_OK) else None))
    try:
        yield path
    finally:
        shutil.rmtree(path)


PROGRAM = """
import sys
from occystrap_core.cli.entry import main
code = main(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
sys.exit(code)
"""


def peak(*arguments: str, code: int = 0) -> int:
    """The most memory that a run ever held, in bytes.

    It tells itself: what wait4 would say includes the memory of the process that started it.
    """
    command = [sys.executable, "-c", PROGRAM, "--quiet", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return int(done.stdout.splitlines()[-1]) * 1024


def test_ten_times_the_image_in_the_same_memory(room: Path) -> None:
    peaks = []
    for size in ("50M", "500M"):
        peaks.append(peak("process", f"sample://?layers=1&files=3&size={size}", f"tar://{room}/a.tar", *NORMALIZE))
        (room / "a.tar").unlink()
    assert max(peaks) < LIMIT
    assert peaks[1] < peaks[0] + 10 * MEGABYTE


def test_several_layers_at_a_time_to_and_from_a_registry(room: Path, registry: Registry) -> None:
    there = f"registry://{registry.host}/{registry.fresh('large')}"
    sample = "sample://?layers=6&files=2&size=8M"
    assert peak("process", sample, f"{there}:1", "-j", "6", "--temp-dir", str(room)) < LIMIT
    assert peak("process", f"{there}:1", f"{there}:2", "-j", "6", "--temp-dir", str(room), *NORMALIZE) < LIMIT
    assert peak("process", f"{there}:2", f"tar://{room}/a.tar", "-j", "6", "--verify-full") < LIMIT
    assert peak("process", f"tar://{room}/a.tar", f"dir://{room}/d", "-j", "6", "-f", "exclude:pattern=**/*1*") < LIMIT


def test_many_files_in_the_same_memory(room: Path) -> None:
    filters = ("-f", "search:pattern=no*such*file", "-f", "exclude:pattern=**/no/such", *NORMALIZE)
    peaks = [
        peak("process", f"sample://?layers=1&files={files}&size=10", f"tar://{room}/a.tar", *filters)
        for files in (2000, 40_000)
    ]
    assert peaks[1] < min(LIMIT, peaks[0] + 10 * MEGABYTE)


def test_a_bomb_is_unpacked_piece_by_piece(room: Path) -> None:
    """400 MB of zeros in 400 KB, under a digest that it does not have: found out, at no expense."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [compressor.compress(make_entry(b"zeros", size=400 * MEGABYTE, body=()).raw)]
    parts += [compressor.compress(bytes(MEGABYTE)) for _ in range(400)]
    blob = b"".join((*parts, compressor.compress(bytes(1024)), compressor.flush()))
    layer = BuiltLayer(Descriptor(f"{OCI_LAYER}+gzip", Digest.of(blob), len(blob)), blob, b"", Digest.of(b"wrong"))
    source = write_layout(room / "in", build_image([layer], family=Family.OCI))
    assert peak("process", source, f"tar://{room}/a.tar", code=3) < LIMIT
    assert not (room / "a.tar").exists()


def test_several_layers_at_a_time_in_and_out_of_zstd(room: Path) -> None:
    many = ("-j", "8", "--temp-dir", str(room))
    sample, zstd = "sample://?layers=8&files=1&size=10M", ("--compression", "zstd")
    assert peak("process", f"{sample}&compression=gzip", f"ocidir://{room}/a:1", *zstd, *many) < LIMIT
    assert peak("process", f"ocidir://{room}/a:1", f"ocidir://{room}/b:1", *NORMALIZE, *many) < LIMIT
    assert peak("process", f"ocidir://{room}/a:1", f"tar://{room}/a.tar", "--verify-full", *many) < LIMIT
    assert peak("process", f"ocidir://{room}/a:1", f"ocidir://{room}/c:1", "--compression", "gzip", *many) < LIMIT


def test_large_windows_one_after_the_other(room: Path) -> None:
    """Four at a time would need 128 MB."""
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=25)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    layers = []
    for number in range(4):
        tar = layer_tar(make_entry(b"noise", body=random.Random(number).randbytes(40 * MEGABYTE)))
        blob = compressor.compress(tar)
        layers.append(
            BuiltLayer(Descriptor(f"{OCI_LAYER}+zstd", Digest.of(blob), len(blob)), blob, tar, Digest.of(tar))
        )
    source = write_layout(room / "in", build_image(layers, family=Family.OCI))
    assert peak("process", source, f"tar://{room}/a.tar", "-j", "4") < LIMIT
