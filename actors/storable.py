"""What cannot be stored: values that JSON or SQLite would refuse, or would give back as something else.

SQLite's integers end at 64 bits with a sign; a NUL ends a string for many a tool that reads one; a decimal with an
enormous exponent takes all memory once somebody adds it up; JSON knows no infinity.
"""

import dataclasses
import math
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
from msgspec import inspect

from ..stores.errors import TwofoldError

__all__ = [
    "DEEPEST",
    "LARGEST_DECIMAL_EXPONENT",
    "Unstorable",
    "check_storable",
    "looks_unstorable",
    "must_be_walked",
    "parts",
]

DEEPEST = 32
"""A value holds others at most this deep: whoever reads it later may have less of a stack than whoever wrote it."""

LARGEST_DECIMAL_EXPONENT = 64
"""A decimal has at most this many digits on either side of its point."""

# A cheap look at the encoded bytes finds every value that could be at fault, and some that are not: a long run of
# digits, the exponent of a decimal, a word for what is no number, an escaped NUL. Only then is the value walked. Digits
# are made alike first, and a single byte is looked for before a word, by its number, which takes a fifth of the time:
# 0.5 us for a shop's command of 250 bytes on average, where a regular expression for all of it takes twenty times as
# long. (Floats are walked in any case.)
_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_NINETEEN_DIGITS = b"0" * 19
_E, _N, _I, _BACKSLASH = b"ENI\\"


class Unstorable(TwofoldError):
    """A value inside a command, an event or a state cannot be stored."""

    def __init__(self, path: str, what: str) -> None:
        self.path, self.what = path, what
        super().__init__(f"{what} - at `${path}`" if path else what)


def looks_unstorable(data: bytes) -> bool:
    """Tell from the encoded form whether a value is worth walking; never misses one that `check_storable` refuses."""
    return (
        data.translate(_ALIKE).find(_NINETEEN_DIGITS) >= 0
        or (_E in data and (b"E+" in data or b"E-" in data))
        or (_N in data and b"NaN" in data)
        or (_I in data and b"Inf" in data)
        or (_BACKSLASH in data and b"\\u0000" in data)
    )


def must_be_walked(type_: Any) -> bool:
    """Tell whether values of `type_` may hold what no look at the bytes finds.

    That is a float, as a NaN is encoded as null, and a type that holds itself, as that has no depth of its own.
    """

    def walk(info: inspect.Type, inside: tuple[type, ...]) -> bool:
        if isinstance(info, inspect.FloatType | inspect.AnyType | inspect.CustomType):
            return True
        cls = getattr(info, "cls", None)
        if isinstance(cls, type):
            if cls in inside:
                return True
            inside = (*inside, cls)
        return any(walk(part, inside) for part in parts(info))

    return walk(inspect.type_info(type_), ())


def parts(info: inspect.Type) -> Iterator[inspect.Type]:
    """Yield the types that a type is made of."""
    for field in getattr(info, "fields", ()):
        yield field.type
    yield from getattr(info, "types", ())
    yield from getattr(info, "item_types", ())
    for name in ("item_type", "key_type", "value_type", "type"):
        part = getattr(info, name, None)
        if isinstance(part, inspect.Type):
            yield part


def check_storable(value: Any, path: str = "", depth: int = 0) -> None:  # noqa: C901 - one flat case for each kind
    """Walk `value` and raise at the first part of it that cannot be stored. `depth` is how deep it is inside another.

    Raises:
        Unstorable: with the path of that part.
    """
    match value:
        case bool() | None | bytes() | date() | time() | Enum():
            return
        case str():
            if "\0" in value:
                raise Unstorable(path, "A NUL character cannot be stored")
        case int():
            if not -(2**63) <= value < 2**63:
                raise Unstorable(path, "An integer past 64 bits cannot be stored")
        case float():
            if not math.isfinite(value):
                raise Unstorable(path, f"The number {value} cannot be stored")
        case Decimal():
            _check_decimal(value, path)
        case _:
            if depth > DEEPEST:
                raise Unstorable(path, f"A value nested more than {DEEPEST} deep cannot be stored")
            for part_path, part in _parts_of(value, path):
                check_storable(part, part_path, depth + 1)


def _parts_of(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the values that `value` is made of, each with its path."""
    match value:
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield f"{path}.{name}", getattr(value, name)
        case dict():
            for key, part in value.items():
                yield f"{path}[...]", key
                yield f"{path}[{key!r}]", part
        case list() | tuple() | set() | frozenset():
            for index, part in enumerate(value):
                yield f"{path}[{index}]", part
        case _ if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                yield f"{path}.{field.name}", getattr(value, field.name)


def _check_decimal(value: Decimal, path: str) -> None:
    if not value.is_finite():
        raise Unstorable(path, f"The decimal {value} cannot be stored")
    _, digits, exponent = value.as_tuple()
    if (
        not isinstance(exponent, int)
        or exponent < -LARGEST_DECIMAL_EXPONENT
        or len(digits) + exponent > LARGEST_DECIMAL_EXPONENT
    ):
        raise Unstorable(path, f"A decimal of more than {LARGEST_DECIMAL_EXPONENT} digits cannot be stored")
