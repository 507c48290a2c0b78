"""The facts about an image, for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from occystrap_core.cli.rendering import format_size, safe
from occystrap_core.cli.tables import table

Facts = Mapping[str, Any]

_SHORT = 25
_WIDEST_COMMAND = 50
_NARROWEST_COMMAND = 14


def text_of(facts: Facts, columns: int | None = None) -> str:
    """`columns` is how wide a terminal is; None for no matter."""
    if "error" in facts:
        return "\n".join(_broken(facts))
    sections = [
        _head(facts),
        _totals(facts),
        _layers(facts, columns),
        _history(facts),
        _settings(facts),
        _around(facts),
    ]
    return "\n\n".join("\n".join(lines) for lines in map(list, sections) if lines)


def _broken(facts: Facts) -> Iterator[str]:
    rows = {"Image": _name(facts), "Digest": facts["digest"], "Platform": facts["platform"], "Error": facts["error"]}
    return _rows(rows)


def _name(facts: Facts) -> str:
    tag = f":{facts['tag']}" if facts["tag"] else ""
    return f"{facts['image'] or 'unknown'}{tag}"


def _rows(rows: Mapping[str, Any]) -> Iterator[str]:
    for label, value in rows.items():
        if value:
            yield f"{label + ':':14} {safe(str(value))}"


def _head(facts: Facts) -> Iterator[str]:
    platform = "/".join(str(facts[key]) for key in ("os", "architecture", "variant") if facts.get(key))
    rows = {
        "Image": _name(facts),
        "Digest": facts["digest"],
        "Media type": facts["media_type"],
        "Schema": f"v{facts['schema_version']}" if facts["schema_version"] else "",
        "Artifact type": facts["artifact_type"],
        "Platform": platform,
        "Created": facts.get("created"),
        "Config digest": facts["config_digest"],
        "Config size": format_size(facts["config_size"]),
    }
    return _rows(rows)


def _totals(facts: Facts) -> Iterator[str]:
    yield f"Layers: {facts['layer_count']}"
    if facts["layers"]:
        yield f"Total compressed size: {format_size(facts['total_compressed_size'])}"
    sizes = [layer["uncompressed_size"] for layer in facts["layers"]]
    if sizes and None not in sizes:
        yield f"Total uncompressed size: {format_size(sum(sizes))}"


_COLUMNS: Mapping[str, Callable[[Facts], object]] = {
    "#": lambda layer: layer["index"],
    "Compressed Digest": lambda layer: layer["digest"],
    "DiffID": lambda layer: layer.get("diff_id"),
    "Size": lambda layer: format_size(layer["size"]),
    "Compression": lambda layer: _compression(layer),
    "Unpacked": lambda layer: format_size(layer["uncompressed_size"]) if "ratio" in layer else None,
    "Entries": lambda layer: layer.get("entries"),
    "Ratio": lambda layer: f"{layer['ratio']:.1f}" if layer.get("ratio") else None,
    "Created By": lambda layer: layer.get("created_by"),
}


def _layers(facts: Facts, columns: int | None) -> Iterator[str]:
    """Only the columns that some layer has something for."""
    if facts["layers"]:
        cells = {name: [value(layer) for layer in facts["layers"]] for name, value in _COLUMNS.items()}
        shown = {name: column for name, column in cells.items() if any(cell is not None for cell in column)}
        yield _fitting(shown, columns)
    for layer in facts["layers"]:
        if "error" in layer:
            yield f"Layer {layer['index']}: {safe(layer['error'])}"


def _fitting(cells: Mapping[str, list[object]], columns: int | None) -> str:
    """The table as it always was where that fits; else with less of the digests, and narrower commands."""
    drawn = _drawn(cells, _cut, _WIDEST_COMMAND)
    if columns is None or _width(drawn) <= columns:
        return drawn
    for left_out in ((), ("DiffID",), ("DiffID", "Entries")):
        kept = {name: column for name, column in cells.items() if name not in left_out}
        drawn = _drawn(kept, _short, _NARROWEST_COMMAND)
        if (spare := columns - _width(drawn)) >= 0:
            return _drawn(kept, _short, min(_WIDEST_COMMAND, _NARROWEST_COMMAND + spare))
    return drawn


def _drawn(cells: Mapping[str, list[object]], digest: Callable[[Any], object], command: int) -> str:
    columns = [
        [digest(cell) if name in ("Compressed Digest", "DiffID") else cell for cell in column]
        for name, column in cells.items()
    ]
    rows = [["" if cell is None else cell for cell in row] for row in zip(*columns, strict=True)]
    titles = ["Digest" if name == "Compressed Digest" and digest is _short else name for name in cells]
    return table(titles, rows, widest={"Created By": command})


def _width(drawn: str) -> int:
    return len(drawn.partition("\n")[0])


def _history(facts: Facts) -> Iterator[str]:
    if facts.get("history_count"):
        yield f"History: {facts['history_count']} entries ({facts['empty_layer_count']} empty)"


def _settings(facts: Facts) -> Iterator[str]:
    if "env" not in facts:
        return
    healthcheck = facts["healthcheck"]
    rows = {
        "Entrypoint": facts["entrypoint"],
        "Cmd": facts["cmd"],
        "WorkingDir": facts["working_dir"],
        "Ports": ", ".join(map(str, facts["exposed_ports"])),
        "Volumes": ", ".join(map(str, facts["volumes"])),
        "User": facts["user"],
        "StopSignal": facts["stop_signal"],
        "Healthcheck": healthcheck.get("Test") if isinstance(healthcheck, Mapping) else healthcheck,
    }
    lines = [f"  {label + ':':11} {safe(str(value))}" for label, value in rows.items() if value]
    lines += _block("  Environment:", facts["env"])
    lines += _block("  Labels:", _pairs(facts["labels"]))
    if lines:
        yield "Container Config:"
        yield from lines


def _around(facts: Facts) -> Iterator[str]:
    yield from _block("Annotations:", _pairs(facts["annotations"]))
    yield from _block("Platforms:", [f"{each['platform']:16} {each['digest']}" for each in facts["platforms"]])
    yield from _block("Referrers:", _referrers(facts))


def _referrers(facts: Facts) -> list[str]:
    kinds = [_kind(each) for each in facts["referrers"]]
    widest = max(map(len, kinds), default=0)
    return [
        f"{kind:{widest}}  {each['digest']}" + ("" if each["subject"] == facts["digest"] else " (of its index)")
        for kind, each in zip(kinds, facts["referrers"], strict=True)
    ]


def _kind(referrer: Facts) -> str:
    return safe(str(referrer["artifact_type"] or referrer["annotations"].get("vnd.docker.reference.type") or "unknown"))


def _block(title: str, lines: list[Any]) -> list[str]:
    indent = " " * (len(title) - len(title.lstrip()) + 2)
    return [title, *(indent + safe(str(line)) for line in lines)] if lines else []


def _pairs(found: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in found.items()]


def _compression(layer: Facts) -> str:
    declared, actual = layer["compression"], layer["actual_compression"]
    return f"{declared} (really {actual})" if actual not in (None, declared) else declared


def _cut(digest: str | None) -> str | None:
    return f"{digest[:_SHORT]}..." if digest else None


def _short(digest: str | None) -> str | None:
    return digest.partition(":")[2][:12] if digest else None
