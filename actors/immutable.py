"""What a state may be made of: immutable parts only, so that a state in a cache is the state that was stored.

A command or an event of such parts may be handed on as it came back from its stored form, and need not be decoded by
the next.
"""

from typing import Any

from msgspec import inspect

from .storable import parts

__all__ = ["mutable_part", "reads_alike", "struct_class"]

_MUTABLE = (
    inspect.ListType,
    inspect.DictType,
    inspect.SetType,
    inspect.ByteArrayType,
    inspect.AnyType,
    inspect.CustomType,
    inspect.RawType,
    inspect.ExtType,
    inspect.TypedDictType,
    inspect.DataclassType,
)


def mutable_part(type_: Any) -> str | None:
    """Return what is mutable in `type_`, with the way to it (``Order.lines: list``), or ``None`` if nothing is."""
    return _find(inspect.type_info(type_), getattr(type_, "__name__", str(type_)), set())


def reads_alike(type_: Any) -> bool:
    """Tell whether each value of `type_` is sure to come back from its stored form as itself.

    A union may take a value as one member and give it back as another: 1.5 as a decimal, "1.5" as a text.
    """
    seen: set[type] = set()

    def walk(info: inspect.Type) -> bool:
        if isinstance(info, inspect.UnionType) and not (info.includes_none and len(info.types) == 2):
            return False
        if isinstance(info, inspect.StructType):
            if info.cls in seen:
                return True
            seen.add(info.cls)
        return all(walk(part) for part in parts(info))

    return walk(inspect.type_info(type_))


def struct_class(info: inspect.StructType) -> type[Any]:
    """Return the struct that `info` describes, also where it stands with its parameters, as ``Box[int]``."""
    cls: type[Any] = getattr(info.cls, "__origin__", info.cls)
    return cls


def _find(info: inspect.Type, path: str, seen: set[type]) -> str | None:
    if isinstance(info, _MUTABLE):
        return f"{path}: {_name(info)}"
    if isinstance(info, inspect.StructType):
        if info.cls in seen:
            return None
        seen.add(info.cls)
        cls = struct_class(info)
        if not cls.__struct_config__.frozen:
            return f"{path}: {cls.__name__} is not frozen"
        for field in info.fields:
            found = _find(field.type, f"{path}.{field.name}", seen)
            if found is not None:
                return found
        return None
    return next((found for part in parts(info) if (found := _find(part, path, seen)) is not None), None)


def _name(info: inspect.Type) -> str:
    if isinstance(info, inspect.DataclassType):
        return f"{info.cls.__name__} (a dataclass; use a frozen msgspec.Struct)"
    return type(info).__name__.removesuffix("Type").lower()
