"""A statement for the read database takes what SQLite stores, and nothing that it would have to guess at."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

import pytest
from twofold import sql

INSERT = "INSERT INTO sales VALUES (?, ?, ?)"


class Country(StrEnum):
    FRANCE = "France"


class Size(IntEnum):
    LARGE = 3


def test_parameters_of_every_type_that_sqlite_knows_are_bound_as_they_are() -> None:
    for parameters in (("a", 1, 2.5), (b"a", None, True), (Country.FRANCE, Size.LARGE, "")):
        assert sql(INSERT, *parameters) == (INSERT, parameters)


@pytest.mark.parametrize(
    "value", [datetime(2011, 5, 31, tzinfo=UTC), date(2011, 5, 31), Decimal("1.5"), bytearray(b"a")]
)
def test_a_parameter_of_another_type_is_refused_with_its_number(value: object) -> None:
    with pytest.raises(TypeError, match=f"parameter 3 is a {type(value).__name__}, and SQLite knows"):
        sql(INSERT, "a", 1, value)  # type: ignore[arg-type]
