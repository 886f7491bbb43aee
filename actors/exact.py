"""Values that come back from their stored form as themselves, told without reading them back.

JSON gives a value another type here and there: a decimal where a whole number or a text stood, a tuple for a list. So
what was stored is decoded before anybody goes on from it, unless each of its parts is exactly of the type that is
declared for it, within its bounds, and immutable. Looking at that takes a third of the time of decoding, and leaves no
second copy behind: a command of the shop takes 8 % less in all.

The look is a function of a few lines that is written for each registered type, as `dataclasses` writes its methods.
Walking over a description of the type instead would take longer than decoding does.
"""

from collections.abc import Callable
from decimal import Decimal
from keyword import iskeyword
from typing import Any, TypeAlias

from msgspec import inspect

from .immutable import struct_class

__all__ = ["Look", "look_at"]

Look: TypeAlias = Callable[[Any], bool]

_SIMPLE: dict[type[inspect.Type], type] = {
    inspect.StrType: str,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.BoolType: bool,
    inspect.DecimalType: Decimal,
}
_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_DEEPEST = 10 * "    "
"""Python nests no more than twenty loops."""
_LONGEST = 200
"""Lines; past that a look would take long to write, and as long to run as decoding does."""


def look_at(type_: type) -> Look | None:
    """Return what tells of a value that can be stored whether it is sure to come back as itself.

    A value of which it says no may do so all the same. It is ``None`` for a type of which nothing can be told.
    """
    writer = _Writer()
    try:
        writer.add(inspect.type_info(type_), "    ", 0)
    except _NotTold:
        return None
    exec("\n".join(["def look(v0):", *writer.lines, "    return True"]), writer.names)  # noqa: S102 - see above
    look: Look = writer.names["look"]
    return look


class _NotTold(Exception):
    """There is a part of which no look tells whether it comes back as itself."""


class _Writer:
    """The lines of a look, and what the names in them stand for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"Decimal": Decimal}
        self._inside: list[type] = []
        """The structs whose fields are being written, outermost first."""

    def add(self, info: inspect.Type, indent: str, depth: int) -> None:
        """Add the lines that look at the variable ``v<depth>``."""
        if len(indent) > len(_DEEPEST) or len(self.lines) > _LONGEST:
            raise _NotTold
        value = f"v{depth}"
        match info:
            case inspect.Metadata(type=described):
                self.add(described, indent, depth)
            case inspect.UnionType(types=(inspect.NoneType(), other) | (other, inspect.NoneType())):
                self.lines.append(f"{indent}if {value} is not None:")
                self.add(other, indent + "    ", depth)
            case inspect.LiteralType(values=values) if all(type(each) is str for each in values):
                self._unless(f"type({value}) is str and {value} in {tuple(values)!r}", indent)
            case inspect.VarTupleType(item_type=item):
                self._unless(_is_a("tuple", value, info), indent)
                self.lines.append(f"{indent}for v{depth + 1} in {value}:")
                self.add(item, indent + "    ", depth + 1)
            case inspect.StructType(cls=cls) if cls not in self._inside and _is_plain(info):
                self._add_struct(info, indent, depth)
            case _ if type(info) in _SIMPLE:
                self._unless(_is_a(_SIMPLE[type(info)].__name__, value, info), indent)
            case _:
                raise _NotTold

    def _add_struct(self, info: inspect.StructType, indent: str, depth: int) -> None:
        name = f"t{len(self.names)}"
        self.names[name] = struct_class(info)
        self._unless(f"type(v{depth}) is {name}", indent)
        self._inside.append(info.cls)
        for field in info.fields:
            self.lines.append(f"{indent}v{depth + 1} = v{depth}.{field.name}")
            self.add(field.type, indent, depth + 1)
        self._inside.pop()

    def _unless(self, condition: str, indent: str) -> None:
        self.lines.append(f"{indent}if not ({condition}): return False")


def _is_plain(info: inspect.StructType) -> bool:
    """Tell whether nothing but its fields makes up an object of a struct, and nothing changes it."""
    cls = struct_class(info)
    has_more = cls.__dictoffset__ != 0 or hasattr(cls, "__post_init__")
    return cls.__struct_config__.frozen and not has_more and all(_can_be_written(field.name) for field in info.fields)


def _can_be_written(name: str) -> bool:
    """Tell whether `name` may stand behind a dot, and stands there for itself: Python takes some letters for others."""
    return name.isidentifier() and name.isascii() and not iskeyword(name)


def _is_a(name: str, value: str, info: inspect.Type) -> str:
    """Return the condition that `value` is exactly of the type called `name`, within the bounds that `info` sets."""

    def bound(which: str) -> Any:
        return getattr(info, which, None)

    if bound("pattern") is not None or bound("multiple_of") is not None:
        raise _NotTold
    conditions = [f"type({value}) is {name}"]
    conditions += [f"{value} {sign} {bound(which)}" for which, sign in _SIGNS.items() if bound(which) is not None]
    least, most = bound("min_length"), bound("max_length")
    if most is not None:
        conditions.append(f"{least or 0} <= len({value}) <= {most}")
    elif least is not None:
        conditions.append(f"{least} <= len({value})")
    return " and ".join(conditions)
