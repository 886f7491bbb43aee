"""What `twofold status` tells a person of a data folder."""

import msgspec
import pytest
from twofold.runtime.cli.status import Status, _consumer
from twofold.stores.effect_records import ConsumerRecord, EffectState

STATUS = Status(
    folder="data",
    held_by=None,
    address=None,
    log_end=9,
    log_bytes=1_000,
    handled=9,
    head=7,
    projected=7,
    write_db_bytes=20_000,
    read_db_bytes=16_384,
    consumers=(),
)
NOW = 1_700_000_000_000_000
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


def test_where_the_process_takes_requests_what_to_do_next_names_the_address() -> None:
    consumer = _consumer(ConsumerRecord("mail", 7, "535 no"), {}, None, 0)
    told = list(
        msgspec.structs.replace(
            STATUS, projected=5, held_by=4711, address="http://127.0.0.1:8080", consumers=(consumer,)
        ).lines()
    )
    assert told[0] == "data: open in process 4711, which takes requests at http://127.0.0.1:8080"
    assert "             if it comes no nearer: curl http://127.0.0.1:8080/readyz tells why" in told
    assert told[-1].endswith("mend it, then: twofold effects resume --url http://127.0.0.1:8080 mail")


COUNTS: dict[EffectState, int] = {"pending": 1, "retry": 1}


@pytest.mark.parametrize(
    ("consumer", "due", "told"),
    [
        (ConsumerRecord("mail", 7), NOW + 11_500_000, ["next attempt in 12 s"]),
        (ConsumerRecord("mail", 7), NOW - 1, ["next attempt due"]),
        (ConsumerRecord("mail", 7), None, []),
        (
            ConsumerRecord("mail", 7, None, NOW + 90_000_000),
            NOW + 5,
            ["slowed down by the other side", "next attempt in 90 s"],
        ),
        (ConsumerRecord("mail", 7, None, NOW - 90_000_000), NOW + 5_000_000, ["next attempt in 5 s"]),
        (ConsumerRecord("mail", 7, "denied"), NOW + 5, ["paused: denied; mend it, then: twofold effects resume mail"]),
    ],
)
def test_a_consumer_comes_with_its_next_attempt(consumer: ConsumerRecord, due: int | None, told: list[str]) -> None:
    status = msgspec.structs.replace(STATUS, consumers=[_consumer(consumer, COUNTS, due, NOW)], now=NOW)
    assert [line.strip() for line in status.lines()][-len(told) - 1 :] == ["1 pending, 1 retry", *told]
