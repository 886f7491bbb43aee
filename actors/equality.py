"""When two commands are the same: when they are equal after decoding.

Equal values may have several spellings in JSON (2.5 and 2.50, the same moment in two time zones, a set in any order),
so the digest of a command is taken over a form that has only one. What that is for a type is worked out once, when the
type is registered. For a type of texts, whole numbers and decimals it is the stored form, with each decimal written as
short as it gets.
"""

import dataclasses
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, TypeAlias

import msgspec
from msgspec import inspect

from .immutable import struct_class

__all__ = ["Digest", "digest_of"]

Digest: TypeAlias = Callable[[Any, bytes], bytes]
Spell: TypeAlias = Callable[[Any, bytes], bytes]

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
    spell = _spelling_of(type_)

    def digest(value: Any, data: bytes) -> bytes:
        hashed = prefix.copy()
        hashed.update(data if spell is None else spell(value, data))
        return hashed.digest()

    return digest


def _spelling_of(type_: type) -> Spell | None:
    """Return what spells a value, given with its stored form, in the one way, or ``None`` if the stored form does."""
    fields = _Fields()
    if not fields.add("", inspect.type_info(type_)) or fields.decimals & fields.others:
        return lambda value, _: _encode(_spell(value))
    if not fields.decimals:
        return None
    # A quote inside a text is written \" in JSON: what looks like a field is one.
    names = b"|".join(re.escape(msgspec.json.encode(name)) for name in sorted(fields.decimals))
    shorten = re.compile(b'(?:%s):"[-.0-9]*+(?:(?<=0)|E[^"]*)"' % names).sub
    return lambda _, data: shorten(_shortened, data)


class _Fields:
    """The names that fields have in the stored form of a type, apart by whether they hold a decimal."""

    def __init__(self) -> None:
        self.decimals: set[str] = set()
        self.others: set[str] = set()
        self._seen: set[type] = set()

    def add(self, name: str, info: inspect.Type) -> bool:
        """Add the field `name` and those inside it; return whether only their decimals have more than one spelling."""
        match info:
            case inspect.Metadata(type=described):  # a title or examples, which say nothing of what is equal
                return self.add(name, described)
            case inspect.UnionType(types=(inspect.NoneType(), other) | (other, inspect.NoneType())):
                return self.add(name, other)
            case inspect.DecimalType() if name:
                self.decimals.add(name)
                return True
            case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
                self.others.add(name)
                return self.add("", item)
            case inspect.StructType(cls=cls, fields=fields):
                self.others.add(name)
                if cls in self._seen:
                    return True
                self._seen.add(cls)
                config = struct_class(info).__struct_config__
                # What equals a default is left out or written, as it happens.
                is_whole = not config.omit_defaults and not config.array_like
                return is_whole and all(self.add(field.encode_name, field.type) for field in fields)
        self.others.add(name)
        return isinstance(info, _ONE_SPELLING)


def _shortened(match: re.Match[bytes]) -> bytes:
    name, text = match[0][:-1].rsplit(b':"', 1)
    return b'%b:"%b"' % (name, _spell_decimal(Decimal(text.decode())).encode())


def _spell(value: Any) -> Any:
    """Spell a value whose type says too little: a member of a union, a key of a dict, anything."""
    match value:
        case Decimal():
            return _spell_decimal(value)
        case msgspec.UNSET:
            return {"unset": True}  # nothing else is spelled as an object
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
    return f"{_WIDE.normalize(value):f}" if value else "0"
