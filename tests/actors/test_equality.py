"""Equal commands have equal digests, and others have not."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType
from twofold.actors.codec import Codec

pytestmark = pytest.mark.timeout(60)


class Point(NamedTuple):
    x: Decimal
    y: Decimal


@dataclass(frozen=True)
class Place:
    at: Decimal


class Line(Struct, frozen=True):
    sku: str
    price: Decimal


class Wide(Struct, frozen=True):
    lines: tuple[Line, ...] = ()
    best: Line | None = None
    worst: Line | None = None
    either: int | float = 0
    number: float = 0.0
    point: Point | None = None
    place: Place | None = None
    prices: dict[str, Decimal] = {}
    tags: frozenset[Decimal] = frozenset()
    at: datetime | None = None
    free: Any = None


class Parcel(Struct, frozen=True):
    """All its decimals are fields of structs, so that its stored form is nearly the one spelling."""

    lines: tuple[Line, ...]
    note: str = ""
    weight: Decimal | None = None
    inner: "Parcel | None" = None


class Labelled(Struct, frozen=True):
    price: str
    line: Line


class Leaving(Struct, frozen=True, omit_defaults=True):
    sku: str = "none"
    lines: tuple[str, ...] = ()


class Priced(Struct, frozen=True):
    prices: tuple[Decimal, ...]


class Row(Struct, frozen=True, array_like=True):
    price: Decimal


class Renamed(Struct, frozen=True, rename="camel"):
    unit_price: Decimal


class Coloned(Struct, frozen=True, rename={"price": "price:"}):
    price: Decimal


class Unset(Struct, frozen=True, omit_defaults=True):
    key: str
    text: str | UnsetType | None = UNSET
    share: float = 0.0


def digest(data: bytes, type_: type[Any] = Wide) -> bytes:
    codec = Codec("wide", type_)
    value = codec.decode(data)
    return codec.digest(value, codec.encode(value))


SAME_OF_ALL_KINDS = [
    (b'{"lines":[{"sku":"A","price":"2.5"}]}', b'{"lines":[{"price":"2.500","sku":"A"}]}'),
    (b'{"best":{"sku":"A","price":"1E2"}}', b'{"best":{"sku":"A","price":"100"}}'),
    (b'{"worst":{"sku":"A","price":"1E2"}}', b'{"worst":{"sku":"A","price":"100.0"}}'),
    (b'{"either":1}', b'{"either":1.0}'),
    (b'{"number":1}', b'{"number":1.0}'),
    (b'{"number":-0.0}', b'{"number":0}'),
    (b'{"point":["1.0","2"]}', b'{"point":["1","2.00"]}'),
    (b'{"place":{"at":"1.0"}}', b'{"place":{"at":"1"}}'),
    (b'{"lines":[{"sku":"A","price":"1.0E+3"}]}', b'{"lines":[{"sku":"A","price":"1000"}]}'),
    (b'{"lines":[{"sku":"A","price":"1.0E-7"}]}', b'{"lines":[{"sku":"A","price":"0.0000001"}]}'),
    (b'{"prices":{"a":"1.0","b":"2"}}', b'{"prices":{"b":"2.0","a":"1"}}'),
    (b'{"tags":["1.0","2"]}', b'{"tags":["2.0","1","1.00"]}'),
    (b'{"at":"2026-01-01T00:30:00+02:00"}', b'{"at":"2025-12-31T22:30:00Z"}'),
    (b'{"free":{"a":[1,{"b":2.0}]}}', b'{"free":{"a":[1.0,{"b":2}]}}'),
]
DIFFERENT_OF_ALL_KINDS = [
    (b'{"best":{"sku":"A","price":"1"}}', b'{"worst":{"sku":"A","price":"1"}}'),
    (b'{"lines":[{"sku":"2.5","price":"1"}]}', b'{"lines":[{"sku":"2.50","price":"1"}]}'),
    (b'{"either":1}', b'{"either":1.5}'),
    (b'{"prices":{"a":"1"}}', b'{"prices":{"b":"1"}}'),
    (b'{"free":["1"]}', b'{"free":[1]}'),
    (b'{"at":"2026-01-01T00:00:00"}', b'{"at":"2026-01-01T00:00:00Z"}'),
]


SAME = [
    (Parcel, b'{"lines":[{"sku":"A","price":"2.50"}]}', b'{"lines":[{"sku":"A","price":"2.5"}]}'),
    (Parcel, b'{"lines":[],"weight":"10"}', b'{"lines":[],"weight":"1E1"}'),
    (Parcel, b'{"lines":[],"weight":"100"}', b'{"lines":[],"weight":"100.00"}'),
    (Parcel, b'{"lines":[],"weight":"-0.0"}', b'{"lines":[],"weight":"0"}'),
    (Parcel, b'{"lines":[],"weight":"0E-9"}', b'{"lines":[],"weight":"-0"}'),
    (Parcel, b'{"lines":[],"weight":"5E-7"}', b'{"lines":[],"weight":"0.0000005"}'),
    (Parcel, b'{"lines":[],"inner":{"lines":[],"weight":"1.0"}}', b'{"lines":[],"inner":{"lines":[],"weight":"1"}}'),
    (Labelled, b'{"price":"1","line":{"sku":"A","price":"1.0"}}', b'{"price":"1","line":{"sku":"A","price":"1"}}'),
    (Leaving, b"{}", b'{"sku":"none","lines":[]}'),
    (Priced, b'{"prices":["1.0","2"]}', b'{"prices":["1","2.0"]}'),
    (Row, b'["1.0"]', b'["1"]'),
    (Renamed, b'{"unitPrice":"1.0"}', b'{"unitPrice":"1"}'),
    (Coloned, b'{"price:":"1.0"}', b'{"price:":"1"}'),
    (Unset, b'{"key":"a","share":0.0}', b'{"key":"a"}'),
    *((Wide, one, other) for one, other in SAME_OF_ALL_KINDS),
]
DIFFERENT = [
    (Parcel, b'{"lines":[{"sku":"2.5","price":"1"}]}', b'{"lines":[{"sku":"2.50","price":"1"}]}'),
    (Parcel, b'{"lines":[],"weight":"1"}', b'{"lines":[],"weight":"10"}'),
    (Parcel, b'{"lines":[],"weight":"0.1"}', b'{"lines":[],"weight":"-0.1"}'),
    (Parcel, b'{"lines":[],"weight":"0"}', b'{"lines":[]}'),
    (Parcel, b'{"lines":[],"note":"\\"price\\":\\"1.0"}', b'{"lines":[],"note":"\\"price\\":\\"1"}'),
    (Labelled, b'{"price":"1.0","line":{"sku":"A","price":"1"}}', b'{"price":"1","line":{"sku":"A","price":"1"}}'),
    (Unset, b'{"key":"a","text":""}', b'{"key":"a"}'),
    (Unset, b'{"key":"a","text":null}', b'{"key":"a"}'),
    *((Wide, one, other) for one, other in DIFFERENT_OF_ALL_KINDS),
]


@pytest.mark.parametrize("price", [5, 5.0, "5e0", "+5", " 5 ", Decimal("5.00")])
@pytest.mark.parametrize("as_a_dict", [False, True])
def test_an_object_has_the_digest_of_what_it_comes_back_as(price: Any, as_a_dict: bool) -> None:
    codec = Codec("parcel", Parcel)
    line: Any = {"price": price, "other": 1, "sku": "A"} if as_a_dict else Line("A", price)
    exact = codec.again(Parcel((Line("A", Decimal(5)),)))
    assert codec.digest(*codec.again(Parcel((line,)))) == codec.digest(*exact)


@pytest.mark.parametrize(("type_", "one", "other"), SAME)
def test_equal_values_have_equal_digests(type_: type[Any], one: bytes, other: bytes) -> None:
    assert digest(one, type_) == digest(other, type_)


@pytest.mark.parametrize(("type_", "one", "other"), DIFFERENT)
def test_different_values_have_different_digests(type_: type[Any], one: bytes, other: bytes) -> None:
    assert digest(one, type_) != digest(other, type_)


@given(st.decimals(-(10**9), 10**9, places=6), st.integers(0, 5), st.integers(-9, 9))
def test_a_decimal_in_a_field_has_one_digest_however_it_is_written(value: Decimal, zeros: int, shift: int) -> None:
    def written(text: str) -> bytes:
        return f'{{"sku":"A","price":"{text}"}}'.encode()

    spellings = {str(value), f"{value:f}{'0' * zeros}", f"{value.scaleb(-shift):f}E{shift}"}
    assert len({digest(written(spelling), Line) for spelling in spellings}) == 1


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6), st.integers(0, 5), st.integers(0, 5))
def test_a_decimal_has_one_digest_however_many_zeros_it_is_written_with(value: Decimal, left: int, right: int) -> None:
    def spelled(zeros: int) -> bytes:
        return f'{{"best":{{"sku":"A","price":"{value}{"0" * zeros}E0"}}}}'.encode()

    assert digest(spelled(left)) == digest(spelled(right))


def test_the_wire_name_counts() -> None:
    one, other = Codec("one", Line), Codec("other", Line)
    line = Line("A", Decimal(1))
    assert one.digest(line, one.encode(line)) != other.digest(line, other.encode(line))


class Described(Struct, frozen=True):
    sku: Annotated[str, Meta(description="what it is called", examples=["85123A"])]
    price: Annotated[Decimal, Meta(examples=["2.55"])]


def test_a_type_that_is_described_digests_as_before() -> None:
    data = b'{"sku":"A","price":"1.50"}'
    assert digest_of(Described, data) == digest_of(Line, data)


def digest_of(type_: type[Any], data: bytes) -> bytes:
    codec = Codec("line", type_)
    return codec.digest(codec.decode(data), data)
