"""The filter contract as a suite."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from occystrap_core.contracts.entry import BLOCK_DEVICE, Entry
from occystrap_core.contracts.filter import DeclaredChanges, Filter, FilterReport, StageLayer, Transform
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.streams.tar import TarReader, serialise
from occystrap_core.testing.build import (
    BuiltImage,
    build_image,
    device,
    directory,
    fifo,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from occystrap_core.testing.contract import require

OpenFilter = Callable[[], Filter]
_TIMES = frozenset({"mtime", "atime", "ctime", "LIBARCHIVE.creationtime"})
_FIELDS: dict[str, Callable[[Entry], object]] = {
    "name": lambda entry: entry.name,
    "linkname": lambda entry: entry.linkname,
    "mode": lambda entry: entry.mode,
    "owner": lambda entry: (entry.uid, entry.gid, entry.uname, entry.gname),
    "mtime": lambda entry: (entry.mtime, {key: value for key, value in entry.pax.items() if key in _TIMES}),
    "xattrs": lambda entry: dict(entry.xattrs),
    "content": lambda entry: (entry.size, b"".join(bytes(chunk) for chunk in entry.body)),
    "kind": lambda entry: entry.kind,
}


def everything() -> BuiltImage:
    """An image with a little of all that layers hold, its last layer equal to its first."""
    base = layer_tar(
        directory("etc", mtime=1_700_000_000),
        file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", mtime=1_700_000_001, uname=b"root", gname=b"root"),
        file("usr/bin/ping", b"\x7fELF" * 999, mode=0o4755, xattrs={"security.capability": b"\x01\x00\x00\x02"}),
        hardlink("usr/bin/ping6", "usr/bin/ping"),
        symlink("bin", "usr/bin"),
        file("var/log/app.log", "a line\n" * 500, uid=1000, gid=1000, mtime=1_700_000_002.5),
        file("long/" * 30 + "naïve.txt", "needs more than a classic header"),
        device("dev/sda", 8, 0, BLOCK_DEVICE),
        fifo("run/pipe"),
    )
    above = layer_tar(whiteout("etc/shadow"), opaque("var/cache"), ("etc/passwd", "changed"), ("empty", ""))
    return build_image([base, above, base])


def check_filter(open_filter: OpenFilter, *, image: BuiltImage | None = None) -> None:
    """Hold what `open_filter` opens, each time anew and with the same options, to every rule of the filter contract.

    `image` should hold what this filter works on; without one it is `everything()`.
    """
    built = image or everything()
    subject = as_image(built)
    first, reference = open_filter(), open_filter()
    require(first.fingerprint == reference.fingerprint, "the same options give the same fingerprint")
    _check_config(first, subject)
    plain = [run_layer(reference, built, subject, position) for position in range(len(built.layers))]
    report = _finished(reference, subject, plain)
    _check_repeatable(open_filter, built, subject, plain, report)
    _check_interleaved(open_filter, built, subject, plain)
    for position, result in enumerate(plain):
        _check_layer(first, built.layers[position].tar, result)


def as_image(built: BuiltImage) -> Image:
    """The image as the engine shows it to filters."""
    layers = tuple(Layer(position, layer.descriptor, layer.diff_id) for position, layer in enumerate(built.layers))
    config = built.config.descriptor()
    return Image(built.root, built.manifest, config, built.config, layers, built.root.platform)


def run_layer(filter: Filter, built: BuiltImage, image: Image, position: int) -> bytes:
    """What the filter makes of one layer; the layer itself where it does not want to see it."""
    transform = filter.begin(image.layers[position], image)
    tar = built.layers[position].tar
    return tar if transform is None else b"".join(_chunks(tar, transform))


def _chunks(tar: bytes, transform: Transform) -> Iterator[bytes]:
    reader = TarReader((tar,))
    return serialise(_through(reader, transform), reader.trailer())


def _through(reader: TarReader, transform: Transform) -> Iterator[Entry]:
    for entry in reader:
        result = transform.entry(entry)
        if result is not None:
            yield result
    yield from transform.finish()


def _check_config(filter: Filter, image: Image) -> None:
    given = copy.deepcopy(dict(image.config.json))
    wanted = filter.config(given, image)
    require(given == image.config.json, "config() never changes what it is given, it returns another")
    require(filter.config(given, image) == wanted, "config() answers the same each time")
    require(not filter.observes or wanted == given, "a filter that observes leaves the config alone")


def _finished(filter: Filter, image: Image, results: Sequence[bytes]) -> FilterReport:
    stages = []
    for layer, result in zip(image.layers, results, strict=True):
        digest = Digest.of(result)
        stages.append(StageLayer(layer, digest, len(result), digest != layer.diff_id))
    filter.finish(image, tuple(stages))
    return filter.report()


def _check_repeatable(
    open_filter: OpenFilter, built: BuiltImage, image: Image, plain: Sequence[bytes], report: FilterReport
) -> None:
    """A pass that is given up and started again must not be noticed afterwards."""
    filter = open_filter()
    for position, layer in enumerate(image.layers):
        transform = filter.begin(layer, image)
        if transform is not None:
            for entry in TarReader((built.layers[position].tar,)):
                transform.entry(entry)
        again = run_layer(filter, built, image, position)
        require(again == plain[position], "a pass that is started again gives the same bytes")
    require(
        _finished(filter, image, plain) == report,
        "what a transform learned counts only once finish() was called: the report must not know of given-up passes",
    )


def _check_interleaved(open_filter: OpenFilter, built: BuiltImage, image: Image, plain: Sequence[bytes]) -> None:
    """Layers are worked on at the same time, each with its own transform."""
    filter = open_filter()
    waiting: dict[int, Iterator[bytes]] = {}
    results: dict[int, list[bytes]] = {}
    for position, layer in reversed(list(enumerate(image.layers))):
        transform = filter.begin(layer, image)
        tar = built.layers[position].tar
        waiting[position] = _chunks(tar, transform) if transform is not None else iter((tar,))
        results[position] = []
    for chunks in zip_longest(*waiting.values()):
        for position, chunk in zip(waiting, chunks, strict=True):
            results[position].append(chunk or b"")
    for position, expected in enumerate(plain):
        require(b"".join(results[position]) == expected, "transforms of different layers do not touch each other")


def _check_layer(filter: Filter, before: bytes, after: bytes) -> None:
    changes = filter.changes
    if filter.observes:
        require(after == before, "a filter that observes changes nothing")
        require(changes == DeclaredChanges(), "a filter that observes declares no changes")
    count_before, count_after = _count(before), _count(after)
    require(changes.may_drop or count_after >= count_before, "only a filter that declares may_drop drops entries")
    require(changes.may_add or count_after <= count_before, "only a filter that declares may_add adds entries")
    require(changes.fields <= set(_FIELDS) | {"created", "config"}, "declared fields are those the contract names")
    if not changes.may_drop and not changes.may_add:
        _check_fields(changes.fields, before, after)


def _count(tar: bytes) -> int:
    reader = TarReader((tar,))
    return sum(1 for _ in reader)


def _check_fields(declared: frozenset[str], before: bytes, after: bytes) -> None:
    for old, new in zip(TarReader((before,)), TarReader((after,)), strict=True):
        for name, read in _FIELDS.items():
            if name not in declared:
                require(read(old) == read(new), f"only a filter that declares {name!r} changes it: {old.name!r}")
