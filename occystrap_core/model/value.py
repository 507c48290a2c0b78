"""Values: frozen dataclasses with slots, quick to define.

The standard decorator compiles eight functions for each class, a third of a millisecond; a
start of the program defines dozens and makes but a few. Here one is compiled, `__init__`, and
when it is first called; the rest is shared.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, NoReturn, TypeVar, dataclass_transform

Value = TypeVar("Value")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[Value]) -> type[Value]:
    """`@dataclass(frozen=True, slots=True)`, for what has neither `__post_init__` nor fields with init=False."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard decorator works out a signature to show
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    made.__dataclass_params__.frozen = True
    known = fields(made)
    made.__init__ = _compiling(made, known)
    # One getter for all that is compared; what has no such field has its class alone.
    made._compared = attrgetter(*([each.name for each in known if each.compare] or ["__class__"]))
    for name, function in _SHARED.items():
        if name not in vars(cls):
            setattr(made, name, function)
    return made  # type: ignore[no-any-return]  # made of cls


def _compiling(owner: Any, known: tuple[Field[Any], ...]) -> Any:
    def __init__(self: object, *values: object, **named: object) -> None:  # takes its place
        owner.__init__ = _initialiser(owner, known)
        owner.__init__(self, *values, **named)

    return __init__


def _initialiser(owner: type, known: tuple[Field[Any], ...]) -> Any:
    names: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": MISSING}
    parameters, body = ["self"], []
    for each in known:
        name, given = each.name, each.name
        if each.default_factory is not MISSING:
            names[f"_default_{name}"] = each.default_factory
            parameters.append(f"{name}=_MISSING")
            given = f"_default_{name}() if {name} is _MISSING else {name}"
        elif each.default is not MISSING:
            names[f"_default_{name}"] = each.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        body.append(f" _set(self, {name!r}, {given})")
    lines = [f"def __init__({', '.join(parameters)}):", *(body or [" pass"])]
    exec("\n".join(lines), names)  # noqa: S102  # made of the names of fields alone, as dataclasses do it
    initialiser = names["__init__"]
    initialiser.__qualname__ = f"{owner.__qualname__}.__init__"
    return initialiser


def _equal(self: Any, other: Any) -> bool:
    if other.__class__ is not self.__class__:
        return NotImplemented  # type: ignore[no-any-return]  # as Python asks for
    return bool(self._compared(self) == self._compared(other))


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _shown(self: Any) -> str:
    told = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({told})"


def _refuse_to_set(self: object, name: str, value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:
    return [getattr(self, each.name) for each in fields(self)]


def _restore(self: Any, state: list[object]) -> None:
    for each, content in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, content)


_SHARED = {
    "__eq__": _equal,
    "__hash__": _hash,
    "__repr__": _shown,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _restore,
}
