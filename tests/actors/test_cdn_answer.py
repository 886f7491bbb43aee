"""How long an answer asks to wait is read strictly, and bounded."""

import time
from collections.abc import Iterator

import pytest
from twofold.actors.cdn_answer import LONGEST_WAIT, seconds_to_wait

pytestmark = pytest.mark.timeout(30)

NOW = 1_291_190_400_000_000  # 2010-12-01 08:00:00 UTC


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("999999", LONGEST_WAIT),
        ("Wed, 01 Dec 2010 08:02:00 GMT", 120.0),
        ("Wed, 01 Dec 2010 08:02:00 -0000", 120.0),
        ("Wed, 01 Dec 2010 07:00:00 GMT", 0.0),
        ("Thu, 01 Dec 2050 08:00:00 GMT", LONGEST_WAIT),
        ("-5", None),
        ("soon", None),
        ("9" * 400, None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_more_than_an_hour(asked: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(asked, NOW) == seconds


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def test_a_date_without_a_zone_is_gmt_wherever_the_machine_stands(tokyo: None) -> None:
    assert seconds_to_wait("Wed, 01 Dec 2010 08:02:00 -0000", NOW) == 120.0
