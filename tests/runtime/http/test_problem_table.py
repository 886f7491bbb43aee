"""How errors are told: each has its place in the table, and what the domain's code raised is for the log alone."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from twofold import App, Ask, ReadDb, Reject
from twofold.runtime.http.problems import BY_ERROR, problem_of
from twofold.runtime.testing import MemoryFolder
from twofold.stores.errors import CommitRefused, Corruption, TwofoldError, WrongCursor

from tests.doubles.accounts import Deposit, accounts_app
from tests.doubles.served import problem, served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

ADA = {"account": "1", "owner": "Ada"}
DEPOSIT = {"account": "1", "amount": "1"}
SECRET = "s3cret"


def app_with_a_secret() -> App:
    app = accounts_app()

    @app.validate
    async def note_is_good(command: Deposit, ask: Ask) -> list[Reject]:
        raise ConnectionError(SECRET)

    @app.query("secret")
    async def secret(db: ReadDb) -> object:
        raise ConnectionError(SECRET)

    return app


async def test_what_the_code_of_the_domain_raised_is_told_in_the_log_alone() -> None:
    with capture_logs() as logged:
        async with served(app_with_a_secret()) as (client, _):
            answers = [
                await client.get("/queries/secret"),
                await client.post("/commands/account.deposit", json=DEPOSIT),
            ]
    for answer, function in zip(answers, ("secret", "note_is_good"), strict=True):
        assert SECRET not in answer.text
        assert __file__ not in answer.text
        assert f"{function} raised ConnectionError" in answer.json()["detail"]
    assert [str(line["exc_info"]) for line in logged if line["event"] == "domain code failed"] == [SECRET, SECRET]


BUGS = {
    "BatchTooLarge",
    "ClaimTaken",
    "CommitRefused",
    "Corruption",
    "DomainFault",
    "DuplicateCommand",
    "GenerationBehind",
    "ReadOnly",
    "Unstorable",
    "UnknownConsumer",
    "UnknownPartition",
    "WrongCursor",
    "WrongHead",
}
"""What no request brings about, and does not pass by coming back."""
NOT_OF_A_REQUEST = {
    "AddressInUse",
    "BackupRefused",
    "ConfigError",
    "CoreFailed",
    "DomainFailed",
    "FolderRefused",
    "InvalidCdnSettings",
    "InvalidEmail",
    "InvalidMailSettings",
    "InvalidPurge",
    "InvalidZone",
    "LedgerGone",
    "Locked",
    "NoSuchStore",
    "RegistrationError",
    "Reject",
    "SchemaTooNew",
    "SchemaTooOld",
    "SecretError",
    "Undeliverable",
}
"""What is raised before anything is served, ends the process, or has another answer where it is raised."""
TOLD_BY_THEIR_FACTS = {"CommandRefused", "NotAccepted", "ProblemFound", "StoreError"}
SERVED = "twofold.stores", "twofold.actors", "twofold.runtime"
ELSEWHERE = tuple(f"twofold.runtime.{folder}" for folder in ("cli", "client", "testing", "verification"))


def errors_below(error: type[Exception]) -> Iterator[type[Exception]]:
    for each in error.__subclasses__():
        yield each
        yield from errors_below(each)


def test_each_error_that_a_request_can_bring_about_has_its_place_in_the_table() -> None:
    ours = {each for each in errors_below(TwofoldError) if each.__module__.startswith(SERVED)}
    placed = {each for each in ours if BY_ERROR.keys() & set(each.__mro__)}
    left = {each.__name__ for each in ours - placed if not each.__module__.startswith(ELSEWHERE)}
    assert left - BUGS - NOT_OF_A_REQUEST - TOLD_BY_THEIR_FACTS == set(), "give it a kind, or name it above"


@pytest.mark.parametrize(
    "error", [WrongCursor("a", 1, 2), CommitRefused("a"), Corruption("log", 1, "torn", "Restore.")]
)
def test_what_does_not_pass_is_not_asked_for_again(error: TwofoldError) -> None:
    told = problem_of(error)
    assert (told.status, told.retry_after) == (500, None)


async def test_an_event_that_no_decider_registers_any_more_stops_a_rebuild_and_is_told_as_that() -> None:
    folder = MemoryFolder()
    async with served(open_stores=folder.open) as (client, _):
        await client.post("/commands/account.open?wait=projected", json=ADA)
    with pytest.MonkeyPatch.context() as patch:
        async with served(open_stores=folder.open) as (client, runtime):
            patch.delitem(runtime._domain.events, "account.opened")
            answer = await client.post("/rebuild", json={})
    assert problem(answer) == (500, "projection-failed")
