"""Sample commands, made from their schemas: something that can be sent as it is, to begin with.

A field's first example (``Annotated[str, Meta(examples=["Norway"])]``) is taken where it has one, else the least that
its type allows.
"""

from typing import Any

import msgspec
from msgspec import inspect

__all__ = ["NoSample", "sample_of"]


class NoSample(Exception):
    """Nothing can be made up for a type that is the user's own."""


def sample_of(type_: Any, name: str = "") -> Any:
    """Return a value of `type_` in plain JSON's types; a text without an example is its field's `name`.

    Raises:
        NoSample: there is a type in it of which only its user knows what a value is.
    """
    return _sample(inspect.type_info(type_), name)


def _sample(info: inspect.Type, name: str) -> Any:
    match info:
        case inspect.Metadata(type=inner, extra_json_schema=schema):
            examples = (schema or {}).get("examples")
            return msgspec.to_builtins(examples[0]) if examples else _sample(inner, name)
        case inspect.StructType(fields=fields):
            return {each.encode_name: _sample(each.type, each.encode_name) for each in fields if each.required}
        case (
            inspect.VarTupleType(item_type=item)
            | inspect.ListType(item_type=item)
            | inspect.FrozenSetType(item_type=item)
        ):
            return [_sample(item, name)]
        case inspect.TupleType(item_types=items):
            return [_sample(item, name) for item in items]
        case inspect.DictType():
            return {}
        case inspect.UnionType(types=types):
            return None if any(isinstance(each, inspect.NoneType) for each in types) else _sample(types[0], name)
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.EnumType(cls=enum):
            return next(iter(enum)).value
        case _:
            return _plain(info, name)


def _plain(info: inspect.Type, name: str) -> Any:
    match info:
        case inspect.StrType(min_length=least):
            return (name or "text").ljust(least or 0, "x")
        case inspect.IntType(ge=least, gt=below):
            return next((bound for bound in (least, None if below is None else below + 1) if bound is not None), 1)
        case inspect.FloatType(ge=least):
            return 1.0 if least is None else least
        case inspect.BoolType():
            return True
        case inspect.NoneType():
            return None
        case inspect.DecimalType():
            return "1"
        case inspect.DateTimeType():
            return "2026-01-31T12:00:00Z"
        case inspect.DateType():
            return "2026-01-31"
        case inspect.UUIDType():
            return "00000000-0000-4000-8000-000000000001"
    raise NoSample(name)
