"""When two commands are the same: when they are equal after decoding.

Equal values may have several spellings in JSON (2.5 and 2.50, the same moment in two time zones, a set in any order),
so the digest of a command is taken over a form that has only one. How a type is spelled is worked out once, when the
type is registered: a type that has one spelling anyway is digested as it is stored.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
from msgspec import inspect

__all__ = ["Digest", "digest_of"]

Digest: TypeAlias = Callable[[Any, bytes], bytes]
Spell: TypeAlias = Callable[[Any], Any]

_encode = msgspec.json.Encoder(order="sorted").encode
_WIDE = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN)
_ONE_SPELLING = (
    inspect.StrType,
    inspect.IntType,
    inspect.BoolType,
    inspect.NoneType,
    inspect.EnumType,
    inspect.LiteralType,
    inspect.BytesType,
    inspect.UUIDType,
    inspect.DateType,
)


def digest_of(name: str, type_: type) -> Digest:
    """Return the function that digests values of `type_`, the wire name included, into 16 bytes.

    It takes a value and its stored form.
    """
    prefix = hashlib.blake2b(name.encode() + b"\0", digest_size=16)

    spell = _spelling_of(inspect.type_info(type_), {})

    def digest(value: Any, data: bytes) -> bytes:
        hashed = prefix.copy()
        hashed.update(data if spell is None else _encode(spell(value)))
        return hashed.digest()

    return digest


def _spelling_of(info: inspect.Type, known: dict[type, Spell]) -> Spell | None:
    """Return what spells values of a type in the one way, or ``None`` if the stored form does."""
    match info:
        case inspect.Metadata(type=described):  # a title or examples, which say nothing of what is equal
            return _spelling_of(described, known)
        case inspect.DecimalType():
            return _spell_decimal
        case inspect.StructType():
            return _spelling_of_struct(info, known)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            spell = _spelling_of(item, known)
            return None if spell is None else _spelling_each(spell)
        case inspect.UnionType(types=(inspect.NoneType(), other) | (other, inspect.NoneType())):
            spell = _spelling_of(other, known)
            return None if spell is None else _spelling_what_is(spell)
    return None if isinstance(info, _ONE_SPELLING) else _spell


def _spelling_each(spell: Spell) -> Spell:
    return lambda values: [spell(value) for value in values]


def _spelling_what_is(spell: Spell) -> Spell:
    return lambda value: None if value is None else spell(value)


def _spelling_of_struct(info: inspect.StructType, known: dict[type, Spell]) -> Spell | None:
    if info.cls in known:
        return known[info.cls]
    known[info.cls] = _spell  # what a type that holds itself is spelled by, inside
    spellings = [_spelling_of(field.type, known) for field in info.fields]
    spelled = [(index, spell) for index, spell in enumerate(spellings) if spell is not None]
    if not spelled:
        return None
    values_of = _values_getter([field.name for field in info.fields])

    def spell_struct(value: Any) -> Any:
        values = list(values_of(value))
        for index, spell in spelled:
            values[index] = spell(values[index])
        return values

    return spell_struct


def _values_getter(names: list[str]) -> Callable[[Any], Any]:
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)


def _spell(value: Any) -> Any:
    """Spell a value whose type says too little: a member of a union, a key of a dict, anything."""
    match value:
        case Decimal():
            return _spell_decimal(value)
        case datetime():
            return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
        case float():
            return int(value) if value.is_integer() and abs(value) < 2**53 else value  # 1.0 equals 1, and -0.0 0
        case list() | tuple():
            return [_spell(part) for part in value]
        case set() | frozenset():
            return sorted(_encode(_spell(part)) for part in value)
        case dict():
            return sorted((_encode(_spell(key)), _encode(_spell(part))) for key, part in value.items())
        case msgspec.Struct():
            fields = value.__struct_fields__
            return [type(value).__struct_config__.tag, *(_spell(getattr(value, name)) for name in fields)]
        case _ if dataclasses.is_dataclass(value):
            return [_spell(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return value


def _spell_decimal(value: Decimal) -> str:
    text = str(value)
    if text[-1] != "0" and "E" not in text:
        return text  # no zero to drop and no exponent: it is as short as it gets
    return str(_WIDE.normalize(value)) if value else "0"
