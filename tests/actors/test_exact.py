"""What is handed on without being read back is what reading it back would have given, part by part."""

from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Meta, Struct, defstruct
from twofold.actors.codec import Codec
from twofold.actors.exact import look_at

pytestmark = pytest.mark.timeout(60)

T = TypeVar("T")


class Line(Struct, frozen=True):
    sku: Annotated[str, Meta(min_length=1, max_length=4, examples=["A"])]
    price: Decimal


class Order(Struct, frozen=True, omit_defaults=True, rename="camel"):
    order_id: str
    count: Annotated[int, Meta(ge=0, lt=100)] = 0
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    lines: Annotated[tuple[Line, ...], Meta(max_length=3)] = ()
    best: Line | None = None
    status: Literal["new", "placed"] = "new"
    paid: bool = False
    matrix: tuple[tuple[int, ...], ...] = ()


class Level(IntEnum):
    LOW = 1


class Status(StrEnum):
    NEW = "new"


FULL = Order("1", 7, 0.5, (Line("A", Decimal("2.50")),), Line("B", Decimal("-0")), "placed", True, ((1, 2), ()))
SIMPLE: list[Any] = [0, 1, 99, 100, -1, True, False, None, 0.0, 0.5, 1.0, 2.0, "", "1", "new", "placed", "abcde", "2.5"]
SIMPLE += [Decimal(1), Decimal("2.50"), Level.LOW, Status.NEW]
LINES: list[Any] = [Line(sku, price) for sku in ("A", "") for price in (Decimal(1), 1, "1")]  # type: ignore[arg-type]
LINES += [{"sku": "A", "price": "1"}]
ROWS: list[Any] = [(), [], (1,), [1], ((1,),), ([1],), (True,), ((True,),), ((1, 2.0),)]
ANYTHING = st.sampled_from([*SIMPLE, *LINES, *ROWS, *((line,) for line in LINES), [LINES[0]], (LINES[0],) * 4])


def parts(value: Any) -> Any:
    """Return `value` with the type of each of its parts."""
    if isinstance(value, Struct):
        return type(value), [parts(part) for part in msgspec.structs.astuple(value)]
    if isinstance(value, tuple | list):
        return type(value), [parts(part) for part in value]
    return type(value), str(value)


@pytest.mark.parametrize(
    "value",
    [
        FULL,
        Order("1"),
        Order("1", count=99, share=1.0, lines=(Line("abcd", Decimal("1E+3")),) * 3),
        Order("", best=Line("B", Decimal(0))),
    ],
)
def test_what_is_exactly_of_its_type_comes_back_as_itself(value: Order) -> None:
    codec = Codec("order", Order)
    again, data = codec.again(value)
    assert again is value
    assert parts(codec.decode(data)) == parts(value)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Order.__struct_fields__[1:], ANYTHING)), ANYTHING)
@example({"lines": (Line("abcd", Decimal("0.10")),) * 3, "count": 99, "share": 1.0}, "1")
@example({"best": {"price": "1", "sku": "A", "other": 1}}, "1")
@example({"best": Line("A", 1.0)}, "1")  # type: ignore[arg-type]
@example({"status": Status.NEW}, "1")
def test_whatever_comes_back_as_itself_is_what_its_stored_form_reads_as(fields: dict[str, Any], order_id: Any) -> None:
    codec, value = Codec("order", Order), Order(order_id, **fields)
    with suppress(msgspec.ValidationError):
        again, data = codec.again(value)
        assert parts(again) == parts(codec.decode(data))
        assert data == codec.encode(again)
        return
    with pytest.raises(msgspec.ValidationError):
        codec.decode(codec.encode(value))


@pytest.mark.parametrize(
    "fields",
    [
        {"count": True},
        {"count": 100},
        {"count": -1},
        {"share": 0.0},
        {"share": 1.5},
        {"lines": (Line("A", Decimal(1)),) * 4},
        {"lines": (Line("", Decimal(1)),)},
        {"lines": (Line("abcde", Decimal(1)),)},
        {"status": "gone"},
        {"matrix": ((1, True),)},
        {"best": 0},
        {"best": ()},
    ],
)
def test_what_does_not_fit_its_type_is_refused_as_its_stored_form_is(fields: dict[str, Any]) -> None:
    codec = Codec("order", Order)
    with pytest.raises(msgspec.ValidationError):
        codec.again(Order("1", **fields))


class Changing(Struct):
    text: str


class Checking(Struct, frozen=True):
    text: str

    def __post_init__(self) -> None:
        """Do nothing; reading one back runs this again."""


class Roomy(Struct, frozen=True, dict=True):
    text: str


class Remembering:
    """Its objects have a dictionary."""


class Mixed(Struct, Remembering, frozen=True):
    text: str


class Holding(Struct, frozen=True):
    inner: "Holding | None" = None


@pytest.mark.parametrize(
    "type_",
    [
        Changing,
        Checking,
        Roomy,
        Mixed,
        Holding,
        defstruct("Listed", [("values", list[str])], frozen=True),
        defstruct("Timed", [("at", datetime)], frozen=True),
        defstruct("Ranked", [("level", Level)], frozen=True),
        defstruct("Either", [("value", int | str)], frozen=True),
        defstruct("Free", [("value", Any)], frozen=True),
        defstruct("Matching", [("text", Annotated[str, Meta(pattern="^a")])], frozen=True),
        defstruct("Even", [("number", Annotated[int, Meta(multiple_of=2)])], frozen=True),
        defstruct("Numbered", [("number", Literal[1, 2])], frozen=True),
        defstruct("Reserved", [("class", str)], frozen=True),
        defstruct("Joined", [("\ufb01", str)], frozen=True),
    ],
)
def test_of_a_type_with_other_parts_nothing_is_told(type_: type[Any]) -> None:
    assert look_at(type_) is None


class Tagged(Struct, frozen=True, tag="tagged", array_like=True):
    sku: Annotated[str, Meta(min_length=2)]


class Box(Struct, Generic[T], frozen=True):
    value: T


class Boxed(Struct, frozen=True):
    box: Box[int]


def test_what_says_nothing_of_how_an_object_is_made_up_does_not_matter() -> None:
    for value in (Tagged("ab"), Boxed(Box(1))):
        codec: Codec[Any] = Codec("value", type(value))
        again, data = codec.again(value)
        assert again is value
        assert parts(codec.decode(data)) == parts(value)
    with pytest.raises(msgspec.ValidationError):
        Codec("tagged", Tagged).again(Tagged("a"))
    with pytest.raises(msgspec.ValidationError):
        Codec("boxed", Boxed).again(Boxed(Box("1")))  # type: ignore[arg-type]


def test_a_type_that_would_take_long_to_look_at_is_decoded() -> None:
    deep = defstruct("Deep0", [("value", int | None)], frozen=True)
    for level in range(1, 9):
        deep = defstruct(f"Deep{level}", [("one", deep), ("other", deep | None)], frozen=True)
    assert look_at(deep) is None
    for level in range(120):
        deep = defstruct(f"Long{level}", [("one", deep | None)], frozen=True)
    assert look_at(deep) is None


def test_a_type_may_be_nested_deeper_than_a_look_goes() -> None:
    deep: Any = int
    for _ in range(30):
        deep = tuple[deep, ...]
    assert look_at(defstruct("Deep", [("values", deep)], frozen=True)) is None


def test_a_type_may_be_used_in_several_places() -> None:
    pair = defstruct("Pair", [("one", Line), ("other", tuple[Line, ...])], frozen=True)
    look = look_at(pair)
    assert look is not None
    line = Line("A", Decimal(1))
    assert look(pair(line, (line,)))
    assert not look(pair(line, (line, Order("1"))))
