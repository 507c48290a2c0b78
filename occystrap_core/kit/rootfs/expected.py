"""The tree that layers describe, worked out from their entries alone, without a file system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, SYMLINK
from occystrap_core.kit.rootfs import whiteouts
from occystrap_core.kit.rootfs.record import Said
from occystrap_core.kit.rootfs.resolve import IMPLIED_MODE, MAX_LINKS, inside
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown


def _implied(layer: int) -> Said:
    return Said(layer, b"", DIRECTORY, IMPLIED_MODE, 0, 0, 0, 0, 0, b"", (0, 0), {}, b"", made=True)


@dataclass(slots=True, eq=False)
class Node:
    """A file. Names that are hard links of one file share it."""

    said: Said
    children: dict[bytes, Child] | None = None

    @property
    def is_directory(self) -> bool:
        return self.children is not None


@dataclass(slots=True)
class Child:
    """A name in a directory, and the layer that gave it."""

    node: Node
    layer: int


class _Moot(Exception):
    """A whiteout in a directory that the same layer has a file in the place of."""


@dataclass(slots=True)
class ExpectedTree:
    root: Node = field(default_factory=lambda: Node(_implied(0), {}))
    _stripped: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Iterable[Said]) -> ExpectedTree:
        tree = cls()
        for said in record:
            tree._apply(said)
        return tree

    def names(self) -> dict[int, int]:
        """How many names each file has, by the id of its node."""
        counts: dict[int, int] = {}
        left = [self.root]
        while left:
            for child in (left.pop().children or {}).values():
                counts[id(child.node)] = counts.get(id(child.node), 0) + 1
                if child.node.children:
                    left.append(child.node)
        return counts

    def _apply(self, said: Said) -> None:
        if not said.path:
            self.root.said = said
            return
        if whiteouts.is_bookkeeping(said.path):
            return
        above, _, name = said.path.rpartition(b"/")
        hidden = whiteouts.hidden_name(name) if name != whiteouts.OPAQUE_MARKER else b""
        if hidden is None:
            self._put(self._directory(above, said.layer), name, said)
            return
        try:
            children = self._directory(above, said.layer, only_hides=True)
        except _Moot:
            return
        if hidden:
            self._hide(children, hidden, said.layer)
        else:
            self._strip(children, said.layer)

    def _hide(self, children: dict[bytes, Child], name: bytes, layer: int) -> None:
        child = children.get(name)
        if child is None:
            return
        below = child.node.children
        if below is not None:
            self._strip(below, layer)
        _drop_if_older(children, name, child, layer)

    def _strip(self, children: dict[bytes, Child], layer: int) -> None:
        """Once in a layer: what comes into a directory later is the layer's."""
        if self._stripped.get(id(children)) != layer:
            _strip(children, layer)
            self._stripped[id(children)] = layer

    def _put(self, children: dict[bytes, Child], name: bytes, said: Said) -> None:
        old = children.get(name)
        if said.kind == HARDLINK:
            node = self._linked(said)
            if old is not None and old.node is node:
                old.layer = said.layer
                return
        elif said.kind == DIRECTORY and old is not None and old.node.is_directory:
            old.node.said, old.layer = said, said.layer
            return
        else:
            node = Node(said, {} if said.kind == DIRECTORY else None)
        children.pop(name, None)
        if said.made:
            children[name] = Child(node, said.layer)

    def _linked(self, said: Said) -> Node:
        above, _, name = inside(said.linkname).rpartition(b"/")
        found = self._directory(above, said.layer).get(name)
        if found is None:
            raise InvalidImage(f"the hard link {shown(said.path)} leads nowhere")
        return found.node

    def _directory(self, path: bytes, layer: int, *, only_hides: bool = False) -> dict[bytes, Child]:
        """What is in the directory, made with all above it where it does not exist."""
        trail, ahead, links = [self.root], path.split(b"/")[::-1], 0
        while ahead:
            part = ahead.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                del trail[max(1, len(trail) - 1) :]
                continue
            children = trail[-1].children
            assert children is not None
            found = children.get(part)
            if found is not None and found.node.said.kind == SYMLINK:
                links += 1
                if links > MAX_LINKS:
                    raise InvalidImage(f"{shown(path)} leads through too many links")
                target = found.node.said.linkname
                ahead.extend(target.split(b"/")[::-1])
                if target.startswith(b"/"):
                    del trail[1:]
                continue
            if found is None or not found.node.is_directory:
                if only_hides and found is not None and found.layer == layer:
                    raise _Moot
                found = children[part] = Child(Node(_implied(layer), {}), layer)
            trail.append(found.node)
        children = trail[-1].children
        assert children is not None
        return children


def _strip(children: dict[bytes, Child], layer: int) -> None:
    """Take away what older layers gave, below too, and keep what it holds of this layer."""
    entered = [(children, list(children))]
    while entered:
        here, names = entered[-1]
        if not names:
            entered.pop()
            for name, child in list(here.items()):
                _drop_if_older(here, name, child, layer)
            continue
        below = here[names.pop()].node.children
        if below is not None:
            entered.append((below, list(below)))


def _drop_if_older(children: dict[bytes, Child], name: bytes, child: Child, layer: int) -> None:
    if child.layer >= layer:
        return
    if child.node.children:
        child.node.said = _implied(layer)
    else:
        del children[name]
