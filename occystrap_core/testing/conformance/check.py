"""The contract of rules as a suite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.model.digest import Digest
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import Content, build_artifact, build_image, build_index, layer_tar
from occystrap_core.testing.conformance.filter import everything
from occystrap_core.testing.conformance.plugin import check_plugin
from occystrap_core.testing.contract import require
from occystrap_core.testing.memory import MemoryInput, StoredImage
from occystrap_core.testing.rules import findings

_FAILED = "the rule itself failed"


def check_rule(module: str, *, broken: Content, sound: Iterable[Content] = ()) -> None:
    """Hold the rule of a plugin module to the contract: it says what it is, finds what is wrong with
    `broken` and nothing that is worse than information in `sound`, and lives through odd images."""
    specs = [spec for spec in check_plugin(module) if isinstance(spec, CheckSpec)]
    require(len(specs) == 1, f"{module} offers one rule, so that it can be asked and left out by itself")
    _check_words(specs[0])
    _check_broken(module, specs[0], broken)
    for content in sound:
        worse = [found.message for found in findings(content, module) if found.severity is not Severity.INFO]
        require(not worse, f"a sound image is sound: {worse}")
    for name, source in _oddities():
        for found in findings(source, module):
            require(_FAILED not in found.message, f"the rule lives through {name}: {found.message}")


def _check_words(spec: CheckSpec) -> None:
    for field in ("why", "example", "remedy"):
        text = getattr(spec, field)
        require(text and text == text.strip(), f"{spec.name} says something as its {field}")
    require(spec.name.isascii() and spec.name == spec.name.lower(), f"{spec.name} is written in lower case")


def _check_broken(module: str, spec: CheckSpec, broken: Content) -> None:
    found = findings(broken, module)
    require(found, f"{spec.name} finds something in what breaks it")
    require(found == findings(broken, module), "a second look finds what the first found")
    for finding in found:
        require(_FAILED not in finding.message, f"the rule judges what breaks it: {finding.message}")
        text = finding.message
        require(text and text.isprintable(), f"a message is one line that can be printed, see `shown`: {text!r}")
    worst = min((finding.severity for finding in found), key=list(Severity).index)
    require(worst is spec.severity or _is_weighed(found), f"what breaks {spec.name} weighs {spec.severity}")


def _is_weighed(found: list[Finding]) -> bool:
    """Whether the rule has other severities than its own for what it says here."""
    return all(finding.severity is not Severity.INFO for finding in found)


def _oddities() -> Iterator[tuple[str, Content | MemoryInput]]:
    image = everything()
    layer = image.layers[0].descriptor.digest
    yield "an image with a little of everything", image
    yield "an index", build_index([image, build_image([])], attest=True)
    yield "an image without layers", build_image([])
    yield "an artifact", build_artifact({"a/b": b"c"})
    yield "a layer that is no archive", build_image([b"no archive at all" * 100])
    yield "a layer with odd names", build_image([layer_tar(make_entry(b"\xff\x1b[2J"), make_entry(b"a\nb"))])
    yield "a damaged layer", MemoryInput(image, instead={layer: b"damaged"})
    yield "a missing layer", StoredImage(image.root, dict(image.documents), {})
    yield "a missing config", _without(image, image.config.digest)
    yield "a missing manifest", _without(image, image.root.digest)


def _without(content: Content, digest: Digest) -> StoredImage:
    documents = {each: raw for each, raw in content.documents.items() if each != digest}
    return StoredImage(content.root, documents, dict(content.blobs))
