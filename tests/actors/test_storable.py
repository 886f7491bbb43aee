"""The cheap look at the bytes misses nothing, and what is let through comes back as it is."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from twofold.actors.codec import Codec
from twofold.actors.storable import DEEPEST, Unstorable, check_storable, looks_unstorable, must_be_walked

pytestmark = pytest.mark.timeout(60)


class Plain(Struct, frozen=True):
    text: str = ""
    whole: int = 0
    exact: Decimal = Decimal(0)
    many: tuple[int, ...] = ()
    texts: dict[str, str] = {}


class Tree(Struct, frozen=True):
    branches: tuple["Tree", ...] = ()


values = st.builds(
    Plain,
    text=st.text(st.characters(codec="utf-8"), max_size=5),
    whole=st.integers(-(2**65), 2**65),
    exact=st.decimals(allow_nan=True, allow_infinity=True),
    many=st.lists(st.integers(), max_size=2).map(tuple),
    texts=st.dictionaries(st.text(max_size=2).filter(str.isascii), st.text(max_size=2).filter(str.isascii), max_size=2),
)


@given(values)
def test_the_look_at_the_bytes_misses_nothing_that_the_walk_would_refuse(value: Plain) -> None:
    try:
        check_storable(value)
    except Unstorable:
        assert looks_unstorable(msgspec.json.encode(value))


@given(values)
def test_what_is_encoded_comes_back_equal(value: Plain) -> None:
    codec = Codec("plain", Plain)
    try:
        again, data = codec.again(value)
    except Unstorable:
        return
    assert again == value
    assert codec.encode(again) == data


@pytest.mark.parametrize(
    ("type_", "walked"),
    [(Plain, False), (Tree, True), (float, True), (tuple[float | None, ...], True), (Any, True), (datetime, False)],
)
def test_only_types_whose_bytes_hide_something_are_always_walked(type_: Any, walked: bool) -> None:
    assert must_be_walked(type_) is walked


def test_two_fields_of_one_type_are_no_type_that_holds_itself() -> None:
    Pair = msgspec.defstruct("Pair", [("one", Plain), ("two", Plain)])  # noqa: N806 - it is a class
    assert not must_be_walked(Pair)


def test_a_tree_is_stored_to_a_depth_and_no_deeper() -> None:
    def tree(levels: int) -> Tree:
        return Tree((tree(levels - 1),)) if levels else Tree()

    codec = Codec("tree", Tree)
    codec.encode(tree(DEEPEST // 2 - 1))
    with pytest.raises(Unstorable, match="nested"):
        codec.encode(tree(DEEPEST))


def test_the_path_to_what_cannot_be_stored_is_told() -> None:
    with pytest.raises(Unstorable) as refused:
        check_storable(Plain(many=(1, 2**63)))
    assert refused.value.path == ".many[1]"


@pytest.mark.parametrize("value", [date(2026, 1, 1), timedelta(days=1), UUID(int=5), b"\0", None, True])
def test_what_has_one_text_of_its_own_is_stored(value: object) -> None:
    check_storable(value)
