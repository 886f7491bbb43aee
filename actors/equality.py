"""When two commands are the same: when they are equal after decoding.

Equal values may have several spellings in JSON (2.5 and 2.50, the same moment in two time zones, a set in any order),
so the digest of a command is taken over a form that has only one.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, TypeAlias

import msgspec
from msgspec import inspect

from .storable import parts

__all__ = ["Digest", "canonical", "digest_of"]

Digest: TypeAlias = Callable[[Any, bytes], bytes]

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
    """Return the function that digests values of `type_`, the wire name included, into 16 bytes."""
    prefix = hashlib.blake2b(name.encode() + b"\0", digest_size=16)

    def over_bytes(_value: Any, data: bytes) -> bytes:
        digest = prefix.copy()
        digest.update(data)
        return digest.digest()

    if _has_one_spelling(inspect.type_info(type_), set()):
        return over_bytes
    return lambda value, _data: over_bytes(value, _encode(canonical(value)))


def canonical(value: Any) -> Any:
    """Return a form of `value` that is spelled alike for all values that equal it."""
    spell = _SPELLINGS.get(type(value))
    if spell is not None:
        return spell(value)
    return _spell_struct(value) if isinstance(value, msgspec.Struct) else value


def _spell_struct(value: msgspec.Struct) -> Any:
    plain, spelled = _fields_of(type(value))
    tag = type(value).__struct_config__.tag
    return (
        tag,
        [getattr(value, name) for name in plain],
        [canonical(getattr(value, name)) for name in spelled],
    )


def _fields_of(cls: type[msgspec.Struct]) -> tuple[list[str], list[str]]:
    found = _fields.get(cls)
    if found is None:
        plain: list[str] = []
        spelled: list[str] = []
        for field in msgspec.structs.fields(cls):
            one = _has_one_spelling(inspect.type_info(field.type), set())
            (plain if one else spelled).append(field.name)
        found = _fields[cls] = plain, spelled
    return found


_fields: dict[type[msgspec.Struct], tuple[list[str], list[str]]] = {}


def _has_one_spelling(info: inspect.Type, seen: set[type]) -> bool:
    if isinstance(info, _ONE_SPELLING):
        return True
    if isinstance(info, inspect.StructType):
        if info.cls in seen:
            return True
        seen.add(info.cls)
    elif not isinstance(info, inspect.ListType | inspect.VarTupleType | inspect.TupleType | inspect.UnionType):
        return False
    return all(_has_one_spelling(part, seen) for part in parts(info))


def _spell_decimal(value: Decimal) -> str:
    return str(_WIDE.normalize(value)) if value else "0"


def _spell_datetime(value: datetime) -> str:
    return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()


def _spell_sequence(value: Any) -> Any:
    return [canonical(part) for part in value]


def _spell_set(value: Any) -> Any:
    return sorted(_encode(canonical(part)) for part in value)


def _spell_dict(value: dict[Any, Any]) -> Any:
    return sorted((_encode(canonical(key)), _encode(canonical(part))) for key, part in value.items())


_SPELLINGS: dict[type, Callable[[Any], Any]] = {
    Decimal: _spell_decimal,
    datetime: _spell_datetime,
    float: lambda value: value or 0.0,
    list: _spell_sequence,
    tuple: _spell_sequence,
    set: _spell_set,
    frozenset: _spell_set,
    dict: _spell_dict,
}
