"""Where two values differ, told place by place: what a failed expectation says."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from msgspec import Struct

__all__ = ["Difference", "differences", "unlike"]


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


_NOTHING = _Nothing()


class Difference(NamedTuple):
    """One place at which two values differ."""

    path: str
    """Such as ``lines[0].sku``; empty where the values are different as a whole."""
    expected: object
    actual: object


def differences(expected: Any, actual: Any, path: str = "") -> Iterator[Difference]:
    """Yield each place at which `actual` is not what was `expected`, down to the fields where the types agree."""
    if type(expected) is not type(actual):
        if expected != actual:
            yield Difference(path, expected, actual)
        return
    match expected:
        case Struct():
            for name in expected.__struct_fields__:
                yield from differences(getattr(expected, name), getattr(actual, name), f"{path}.{name}".lstrip("."))
        case list() | tuple():
            for index, pair in enumerate(zip_longest(expected, actual, fillvalue=_NOTHING)):
                yield from differences(*pair, f"{path}[{index}]")
        case dict():
            for key in {**expected, **actual}:
                pair = expected.get(key, _NOTHING), actual.get(key, _NOTHING)
                yield from differences(*pair, f"{path}[{key!r}]")
        case _:
            if expected != actual:
                yield Difference(path, expected, actual)


def unlike(expected: Sequence[object], actual: Sequence[object]) -> list[str]:
    """Return lines that say how `actual` is another sequence than was `expected`; none if it is the same."""
    lines: list[str] = []
    for number, (wanted, made) in enumerate(zip_longest(expected, actual, fillvalue=_NOTHING), 1):
        found = list(differences(wanted, made))
        if found and type(wanted) is type(made):
            lines.append(f"  {number}. {type(made).__name__}")
            lines += (f"       {where}: expected {this!r}, got {that!r}" for where, this, that in found)
        elif found:
            lines += (f"  {number}. expected {wanted!r}", f"     got      {made!r}")
    return lines
