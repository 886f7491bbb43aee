"""A server as its client sees it: what it answers is read up to a bound, as it comes."""

import gzip
import json

import pytest
from twofold.actors.submission import (
    CommandIdReused,
    CommandRefused,
    NoSpace,
    NotAccepted,
    OutcomeUnknown,
    OutOfTurn,
    Overloaded,
    Stopping,
    Submission,
    ValidatorFailed,
    ValidatorTimeout,
)
from twofold.actors.turns import Turns
from twofold.runtime.client import server as client
from twofold.runtime.client.answers import Told
from twofold.runtime.client.failures import AnswerTooLarge, NotTwofold
from twofold.runtime.client.server import Server
from twofold.runtime.http.problems import problem_of
from twofold.stores.errors import TwofoldError
from twofold.stores.records import Fault

from tests.doubles.scripted_server import scripted_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


TURNED_AWAY = (
    CommandIdReused("id"),
    CommandRefused("id", "account.open", [Fault("account.closed", "", "it is closed")]),
    NoSpace(),
    OutOfTurn(),
    OutcomeUnknown("id"),
    Overloaded("The queue", 1),
    Stopping(),
    ValidatorFailed("validator", ValueError()),
    ValidatorTimeout("validator", 1.0),
)


def answer(body: bytes, *fields: bytes) -> bytes:
    head = [b"HTTP/1.1 200 OK", b"Content-Type: application/json", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


async def test_an_answer_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1 << 20)
    fits = json.dumps({"value": "x" * 1_000_000, "position": 1}).encode()
    async with (
        scripted_server(lambda head, _: (answer(fits * (1 + (b"many" in head))), True)) as url,
        Server(url) as server,
    ):
        assert (await server.query("few", {}, min_position=None, timeout=5)).position == 1
        with pytest.raises(AnswerTooLarge, match=r"^The answer to GET /queries/many has more than 1 MiB\. Ask"):
            await server.query("many", {}, min_position=None, timeout=5)


async def test_an_answer_that_is_packed_all_the_same_is_not_unpacked() -> None:
    packed = gzip.compress(json.dumps({"head": 1}).encode())
    gzipped = answer(packed, b"Content-Encoding: gzip")
    async with scripted_server(lambda _head, _body: (gzipped, True)) as url, Server(url) as server:
        with pytest.raises(NotTwofold, match="its answer cannot be read"):
            await server.head()


@pytest.mark.parametrize("error", TURNED_AWAY, ids=lambda error: type(error).__name__)
async def test_a_client_and_a_row_of_commands_agree_on_what_may_pass(error: TwofoldError) -> None:
    turns = Turns()
    submission = Submission(object(), turns=turns)
    submission.refuse(error)
    later = Submission(object(), turns=turns)
    assert {type(each) for each in TURNED_AWAY} == {*NotAccepted.__subclasses__(), OutcomeUnknown}, "name it above"
    assert Told(problem_of(error).status).passes == (turns.missed is not None and later.turn > turns.missed)
