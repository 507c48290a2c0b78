"""Values behave as the standard library's frozen dataclasses with slots do."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest

from occystrap_core.model.value import value


@value
class Point:
    """A place."""

    x: int
    label: str = ""
    tags: list[str] = field(default_factory=list)
    secret: str = field(default="s3cret", repr=False)
    note: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"<{self.x}>"


@value
class Hidden:
    seen: list[int] = field(default_factory=list)
    _seen: int = 3


@value
class Nothing:
    pass


@value
class Other:
    x: int


def test_fields_are_given_by_place_and_by_name_and_have_defaults() -> None:
    point = Point(1, label="here")
    assert (point.x, point.label, point.tags, point.secret) == (1, "here", [], "s3cret")
    assert Point(1).tags is not Point(1).tags
    assert Hidden() == Hidden([], 3)


@pytest.mark.parametrize("wrong", [lambda: Point(), lambda: Point(1, y=2), lambda: Point(1, "", [], "", "", 6)])  # type: ignore[call-arg]
def test_what_is_missing_or_too_much_is_refused(wrong: Callable[[], Point]) -> None:
    with pytest.raises(TypeError, match=r"Point\.__init__\(\)"):
        wrong()


def test_nothing_can_be_set_deleted_or_added() -> None:
    point: Any = Point(1)
    with pytest.raises(FrozenInstanceError):
        point.x = 2
    with pytest.raises(FrozenInstanceError):
        del point.x
    with pytest.raises(FrozenInstanceError):
        point.more = 3
    assert not hasattr(point, "__dict__")


def test_equality_looks_at_the_class_and_at_what_is_compared() -> None:
    assert Point(1, note="a") == Point(1, note="b")
    others: list[object] = [Point(2), Other(1), Nothing(), 1]
    assert Point(1) not in others
    assert Nothing() == Nothing()
    assert len({Other(1), Other(1), Nothing(), Nothing()}) == 2


def test_a_value_with_something_mutable_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1))


def test_secrets_are_not_shown() -> None:
    assert repr(Point(1)) == "Point(x=1, label='', tags=[], note='')"
    assert str(Point(1)) == "<1>"


def test_the_standard_library_takes_them_for_dataclasses() -> None:
    assert [each.name for each in fields(Point)] == ["x", "label", "tags", "secret", "note"]
    assert replace(Point(1, "a"), x=2) == Point(2, "a")
    assert vars(Point)["__dataclass_params__"].frozen
    match Point(1, "a"):
        case Point(x, label):
            assert (x, label) == (1, "a")


def test_they_are_copied_and_pickled() -> None:
    point = Point(1, "a", ["b"])
    assert copy.deepcopy(point) == copy.copy(point) == pickle.loads(pickle.dumps(point)) == point
    assert copy.deepcopy(point).tags is not point.tags


def test_they_are_what_the_standard_decorator_makes() -> None:
    @dataclass(frozen=True, slots=True)
    class Standard:
        """A place."""

        x: int
        label: str = ""

    @value
    class Ours:
        """A place."""

        x: int
        label: str = ""

    assert Ours.__doc__ == Standard.__doc__
    assert Ours.__match_args__ == Standard.__match_args__
    assert vars(Ours)["__slots__"] == vars(Standard)["__slots__"]
    assert repr(Ours(1)).rpartition(".")[2] == repr(Standard(1)).rpartition(".")[2].replace("Standard", "Ours")
    assert hash(Ours(1)) == hash(Standard(1))
