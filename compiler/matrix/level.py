"""Levels of matrix.yaml as classes: their keys are annotated attributes, checked by pydantic.

Values are validated by pydantic's core, with its schemas, conversions and errors. Only the schemas
are made here, for the types in `model`: to import and to build pydantic's models takes as long as
everything else that a short command does, and `list` would exceed its limit of time.
"""

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, NamedTuple, Self, Union, get_args, get_origin

from pydantic_core import PydanticCustomError, SchemaValidator, core_schema
from pydantic_core.core_schema import CoreSchema

from compiler.codes import Code


def kind(value: object) -> str:
    """Return the type of a value in a user's terms."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case int() | float():
            return "a number"
        case _:
            return type(value).__name__


def wrong_type(expected: str, value: object) -> PydanticCustomError:
    """Return the error that a value has another type than expected."""
    return PydanticCustomError(
        Code.WRONG_TYPE.value,
        "{expected} is expected here, not {got}",
        {"expected": expected, "got": kind(value)},
    )


def check_mapping(value: object) -> dict[str, Any]:
    """Return a mapping.

    Raises:
        PydanticCustomError: the value is not a mapping, or one of its keys is not text.
    """
    if not isinstance(value, dict):
        raise wrong_type("a mapping", value)
    for key in value:
        if not isinstance(key, str):
            raise PydanticCustomError(
                Code.WRONG_TYPE.value,
                "a name is expected as key, not {got}",
                {"got": kind(key), "key": key},
            )
    return value


class Check(NamedTuple):
    """An annotation of a type: what checks a value, and may convert it, before its type counts."""

    function: Callable[[Any], object]
    """Returns the value; raises `PydanticCustomError` if it is invalid."""


class Key(NamedTuple):
    """A key of a level."""

    name: str
    """As written in YAML."""
    description: str
    is_required: bool
    default: object
    """What is read if the key is missing."""


_REQUIRED = object()


def declare(description: str, default: object = _REQUIRED, *, name: str = "") -> Any:
    """Declare a key of a level, as the value of an annotated attribute.

    Args:
        description: what it means, for the reference and the JSON Schema.
        default: what is read if the key is missing; without a default it is required.
        name: the key, if it is not the name of the attribute.
    """
    return Key(name, description, default is _REQUIRED, default)


class Level:
    """A mapping with fixed keys; keys that begin with `x-` are ignored."""

    # What pydantic-core sets in the instances of a class.
    __slots__ = (
        "__dict__",
        "__pydantic_extra__",
        "__pydantic_fields_set__",
        "__pydantic_private__",
    )

    declared: ClassVar[Mapping[str, Key]] = {}
    """Attribute -> its key; those of the extended level come first."""
    further: ClassVar[Any] = None
    """The type of the values of further keys; None if there must not be any."""
    _types: ClassVar[Mapping[str, Any]] = {}
    _schema: ClassVar[CoreSchema | None] = None
    _validator: ClassVar[SchemaValidator | None] = None

    def __init_subclass__(cls) -> None:
        """Collect the keys of a level."""
        own = {name: key for name, key in vars(cls).items() if isinstance(key, Key)}
        types = vars(cls).get("__annotations__", {})
        cls.declared = {
            **cls.declared,
            **{name: key._replace(name=key.name or name) for name, key in own.items()},
        }
        cls._types = {**cls._types, **{name: types[name] for name in own}}
        cls._schema = cls._validator = None

    @classmethod
    def read(cls, value: object) -> Self:
        """Return the level that a YAML value is.

        Raises:
            ValidationError: it is invalid; pydantic-core lists every error.
        """
        if cls._validator is None:
            cls._validator = SchemaValidator(cls.schema())
        return cls._validator.validate_python(value)  # type: ignore[no-any-return]

    @classmethod
    def schema(cls) -> CoreSchema:
        """Return the schema of the level."""
        if cls._schema is None:
            fields = {
                name: core_schema.model_field(
                    _key_schema(key, cls._types[name]), validation_alias=key.name
                )
                for name, key in cls.declared.items()
            }
            inner = core_schema.model_fields_schema(
                fields,
                extra_behavior="forbid" if cls.further is None else "allow",
                extras_schema=None if cls.further is None else _type_schema(cls.further),
            )
            level = core_schema.model_schema(cls, inner)
            cls._schema = core_schema.no_info_before_validator_function(_without_user_keys, level)
        return cls._schema

    @property
    def written(self) -> frozenset[str]:
        """The attributes whose keys are written."""
        return frozenset(self.__pydantic_fields_set__)  # type: ignore[attr-defined]

    @property
    def others(self) -> dict[str, Any]:
        """The values of further keys."""
        return self.__pydantic_extra__ or {}  # type: ignore[attr-defined]


def _without_user_keys(value: object) -> object:
    named = check_mapping({} if value is None else value)
    return {key: item for key, item in named.items() if not key.startswith("x-")}


def _key_schema(key: Key, hint: Any) -> CoreSchema:
    schema = _type_schema(hint)
    if key.is_required:
        return schema
    return core_schema.with_default_schema(schema, default=key.default, validate_default=True)


def _type_schema(hint: Any) -> CoreSchema:
    """Return the schema of a type."""
    arguments = get_args(hint)
    match get_origin(hint):
        case None if hint is Any:
            return core_schema.any_schema()
        case None if hint is str:
            return core_schema.str_schema()
        case None if hint is bool:
            return core_schema.bool_schema()
        case None:
            return hint.schema()  # type: ignore[no-any-return]  # a level
        case origin if origin is Annotated:
            schema = _type_schema(arguments[0])
            for check in arguments[1:]:  # The last one is the outermost, and checks first.
                schema = core_schema.no_info_before_validator_function(check.function, schema)
            return schema
        case origin if origin in {Union, UnionType}:
            kinds = [_type_schema(argument) for argument in arguments if argument is not NoneType]
            schema = kinds[0] if len(kinds) == 1 else core_schema.union_schema(list(kinds))
            return core_schema.nullable_schema(schema) if NoneType in arguments else schema
        case origin if origin is list:
            return core_schema.list_schema(_type_schema(arguments[0]))
        case _:
            return core_schema.dict_schema(*map(_type_schema, arguments))
