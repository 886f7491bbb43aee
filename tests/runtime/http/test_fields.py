"""Header fields are found by their names, however they are written, and however often they or others are there."""

import pytest
from twofold.runtime.http.fields import Fields
from twofold.runtime.http.problems import ProblemFound

TWICE = [(b"x-hop", b"1"), (b"x-hop", b"2")]
GIVEN = [(b"idempotency-key", b"mine"), *TWICE, (b"correlation-id", b'"a \\" b"')]


def test_all_values_of_a_name_are_there_in_their_order() -> None:
    fields = Fields(GIVEN)
    assert fields.all("X-Hop") == ["1", "2"]
    assert fields.all("X-Other") == []


def test_one_that_is_there_once_is_found_beside_others_that_are_there_twice() -> None:
    fields = Fields(GIVEN)
    assert fields.text("Idempotency-Key") == fields.first("idempotency-key") == "mine"
    assert fields.text("Correlation-Id") == 'a " b'
    assert (fields.text("X-Other"), fields.first("X-Other")) == (None, "")


def test_a_text_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ProblemFound, match="X-Hop is there twice"):
        Fields(GIVEN).text("X-Hop")


def test_a_value_outside_of_ascii_is_there_as_latin_1() -> None:
    assert Fields([(b"host", b"\xe4")]).all("Host") == ["ä"]


def test_fields_that_a_server_gives_only_once_are_there_for_each_who_asks() -> None:
    scope: dict[str, object] = {"headers": iter(TWICE)}
    assert [Fields.of(scope).all("X-Hop") for _ in range(2)] == [["1", "2"], ["1", "2"]]
