"""The layers of a sample image: a little of everything that real layers hold.

A base system's directories and links, then in every layer a tree of files with a symlink, a
hard link, a file with an xattr and a long and a non-ASCII name; each layer above the first
deletes a file of the one below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, SYMLINK, Entry
from occystrap_core.model.platform import Platform
from occystrap_core.streams.tar import END_OF_ARCHIVE, make_entry, serialise
from occystrap_inputs.sample.prose import PAGE, Prose

FIRST_MOMENT = 1_700_000_000
_FILES_IN_FOLDER = 100
_PAGES_BETWEEN_LAYERS = 37
_SUFFIXES = ("txt", "so", "conf", "log", "py")
_OS_RELEASE = b'ID=sample\nNAME="Occystrap sample"\nPRETTY_NAME="Occystrap sample image for %s"\n'
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nsample:x:1000:1000::/home/sample:/bin/sh\n"


@dataclass(frozen=True, slots=True)
class SampleLayer:
    """One layer's recipe. Equal ones are the same layer; only the lowest depends on the platform."""

    position: int
    files: int
    size: int
    platform: Platform | None

    @property
    def folder(self) -> str:
        return f"usr/share/layer{self.position}"


def sample_layers(layers: int, files: int, size: int, platform: Platform) -> tuple[SampleLayer, ...]:
    return tuple(SampleLayer(position, files, size, None if position else platform) for position in range(layers))


def layer_chunks(layer: SampleLayer, prose: Prose) -> Iterator[bytes]:
    """The uncompressed layer."""
    return serialise(_entries(layer, prose), (END_OF_ARCHIVE,))


def _entries(layer: SampleLayer, prose: Prose) -> Iterator[Entry]:
    if layer.platform is not None:
        yield from _base_system(layer.platform)
    else:
        yield from _directories("usr/")
    yield from _directories("usr/share/", f"{layer.folder}/")
    if layer.position:
        yield from _deletion(layer)
    yield from _files(layer, prose)
    yield from _peculiar(layer)


def _base_system(platform: Platform) -> Iterator[Entry]:
    yield from _directories("etc/", "home/", "root/", "tmp/", "usr/", "usr/bin/", "usr/lib/", "var/", "var/log/")
    yield _file("etc/os-release", _OS_RELEASE % str(platform).encode())
    yield _file("etc/passwd", _PASSWD)
    yield _link("bin", "usr/bin")
    yield _link("lib", "usr/lib")
    yield make_entry(b"home/sample/", DIRECTORY, mode=0o700, uid=1000, gid=1000, mtime=FIRST_MOMENT)
    yield _file("var/log/boot.log", b"nothing happened\n")


def _deletion(layer: SampleLayer) -> Iterator[Entry]:
    below = f"usr/share/layer{layer.position - 1}"
    yield from _directories(f"{below}/")
    yield _file(f"{below}/.wh.obsolete", b"")


def _files(layer: SampleLayer, prose: Prose) -> Iterator[Entry]:
    folder, base = layer.folder, layer.position * _PAGES_BETWEEN_LAYERS * PAGE
    for index in range(layer.files):
        if index % _FILES_IN_FOLDER == 0:
            yield from _directories(f"{folder}/{index // _FILES_IN_FOLDER:05}/")
        title = b"%d of layer %d\n" % (index, layer.position)
        yield make_entry(
            _file_name(folder, index).encode(),
            body=_titled(title[: layer.size], prose, base + index * layer.size, layer.size),
            size=layer.size,
            mtime=FIRST_MOMENT + index,
        )


def _file_name(folder: str, index: int) -> str:
    return f"{folder}/{index // _FILES_IN_FOLDER:05}/file{index}.{_SUFFIXES[index % len(_SUFFIXES)]}"


def _titled(title: bytes, prose: Prose, start: int, size: int) -> Iterator[bytes]:
    yield title
    yield from prose.read(start, size - len(title))


def _peculiar(layer: SampleLayer) -> Iterator[Entry]:
    folder = layer.folder
    yield _file(f"{folder}/obsolete", b"the next layer deletes this\n")
    yield _file(f"{folder}/original", b"has two names\n")
    yield make_entry(f"{folder}/twin".encode(), HARDLINK, linkname=f"{folder}/original".encode(), mtime=FIRST_MOMENT)
    yield _link(f"{folder}/shortcut", "original")
    yield make_entry(
        f"{folder}/labelled".encode(),
        body=b"has an extended attribute and a fraction of a second\n",
        mtime=FIRST_MOMENT + 0.25,
        pax={"SCHILY.xattr.user.sample": b"layer %d" % layer.position},
    )
    yield _file(f"{folder}/{'a-name-that-is-long/' * 6}naïve.txt", b"needs more than a classic header\n")


def _directories(*names: str) -> Iterable[Entry]:
    for name in names:
        mode = 0o1777 if name == "tmp/" else 0o755
        yield make_entry(name.encode(), DIRECTORY, mode=mode, mtime=FIRST_MOMENT)


def _file(name: str, content: bytes) -> Entry:
    return make_entry(name.encode(), body=content, mtime=FIRST_MOMENT, uname=b"root", gname=b"root")


def _link(name: str, target: str) -> Entry:
    return make_entry(name.encode(), SYMLINK, linkname=target.encode(), mode=0o777, mtime=FIRST_MOMENT)
