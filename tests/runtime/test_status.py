"""What `twofold status` tells a person of a data folder."""

import msgspec
import pytest
from twofold.runtime.status import Status

STATUS = Status(
    folder="data",
    held_by=None,
    log_end=9,
    log_bytes=1_000,
    handled=9,
    head=7,
    projected=7,
    write_db_bytes=20_000,
    read_db_bytes=16_384,
    consumers=(),
)
HINT = "run `twofold send /dev/null --settle` to see why"


def test_the_size_of_the_read_database_stands_on_its_own_line() -> None:
    told = list(STATUS.lines())
    assert told[-1] == "  read DB    at position 7, 0 behind (16.4 kB)"


@pytest.mark.parametrize(("projected", "held_by", "hinted"), [(5, None, True), (7, None, False), (5, 4711, False)])
def test_a_read_database_that_is_behind_where_nothing_runs_comes_with_the_way_to_see_why(
    projected: int, held_by: int | None, hinted: bool
) -> None:
    status = msgspec.structs.replace(STATUS, projected=projected, held_by=held_by)
    assert any(HINT in line for line in status.lines()) == hinted
