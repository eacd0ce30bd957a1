"""Levels: classes whose annotated attributes are the keys of a mapping."""

from typing import Annotated, Any

import pytest
from pydantic_core import ValidationError

from compiler.matrix.level import Check, Level, declare


class Inner(Level):
    """A level in another one."""

    size: str = declare("Its size.")


class Base(Level):
    """A level that another one extends."""

    name: str | None = declare("Its name.", None)
    from_: list[str] = declare("Where from.", [], name="from")


class Outer(Base):
    """A level with keys of every type."""

    name: str | None = declare("Another name.", "none")
    flag: bool | None = declare("A flag.", None)
    either: str | bool | None = declare("Text or a flag.", None)
    doubled: Annotated[str, Check(lambda value: value * 2)] = declare("Text, twice.", "")
    inner: dict[str, Inner] = declare("Levels by name.", {})


Twice = Annotated[str, Check(lambda value: value * 2)]


class Nested(Level):
    """A level with a type that another one annotates again."""

    text: Annotated[Twice, Check(lambda value: f"{value}!")] = declare("Text.")


class Open(Level):
    """A level with further keys."""

    further = Annotated[Any, Check(lambda value: [value])]
    name: str = declare("Its name.", "")


def errors(level: type[Level], value: object) -> list[tuple[str, tuple[int | str, ...]]]:
    """Return the kind and the place of each error of a value."""
    with pytest.raises(ValidationError) as caught:
        level.read(value)
    return [(error["type"], error["loc"]) for error in caught.value.errors()]


def test_keys_are_attributes() -> None:
    """A key may have another name than its attribute; `x-` is for the user."""
    value = {"from": ["a"], "either": True, "doubled": "b", "inner": {"c": {"size": "d"}}, "x-e": 1}
    level = Outer.read(value)

    assert (level.from_, level.either, level.doubled) == (["a"], True, "bb")
    assert level.inner["c"].size == "d"
    assert level.written == {"from_", "either", "doubled", "inner"}


def test_the_outermost_check_is_the_first() -> None:
    """A type may have several checks."""
    assert Nested.read({"text": "a"}).text == "a!a!"


def test_a_missing_key_has_its_default() -> None:
    """An extended level keeps its keys in their order, with the defaults of the extending one."""
    assert (Outer.read(None).name, Base.read({}).name, Outer.read({}).inner) == ("none", None, {})
    assert Outer.read({}).written == set()
    assert Outer.read({}).from_ is not Outer.read({}).from_
    assert [one.name for one in Outer.declared.values()][:3] == ["name", "from", "flag"]


@pytest.mark.parametrize(
    ("level", "value", "expected"),
    [
        (Outer, [], [("wrong-type", ())]),
        (Outer, {1: "a"}, [("wrong-type", ())]),
        (Outer, {"names": ""}, [("extra_forbidden", ("names",))]),
        (Outer, {"from_": ["a"]}, [("extra_forbidden", ("from_",))]),
        (
            Outer,
            {"from": [1], "flag": []},
            [("string_type", ("from", 0)), ("bool_type", ("flag",))],
        ),
        (Outer, {"inner": {"a": {}}}, [("missing", ("inner", "a", "size"))]),
        (
            Outer,
            {"inner": {"a": {"sise": ""}}},
            [("missing", ("inner", "a", "size")), ("extra_forbidden", ("inner", "a", "sise"))],
        ),
        (Inner, None, [("missing", ("size",))]),
    ],
)
def test_every_error_has_a_place(
    level: type[Level], value: object, expected: list[tuple[str, tuple[int | str, ...]]]
) -> None:
    """All errors are listed, with the keys as written."""
    assert errors(level, value) == expected


def test_further_keys() -> None:
    """A level may take other keys, whose values have one type."""
    level = Open.read({"name": "a", "b": 1})

    assert (level.name, level.others) == ("a", {"b": [1]})
    assert level.written == {"name", "b"}
    assert Open.read({}).others == {}
