"""Each kind of problem has a cause that is real, and is told with its own status; docs/http.md names them all."""

import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import msgspec
import pytest
from twofold import App, Ask, Config, Context, EventMeta, ReadDb, Reject, Runtime, Statement
from twofold.actors.kernel.supervisor import cause_of
from twofold.runtime.config import DataSettings, HttpSettings, QuerySettings, SupervisionSettings, ValidatorSettings
from twofold.runtime.http.problems import kinds
from twofold.runtime.stores import open_folder
from twofold.runtime.testing import MemoryFolder
from twofold.stores.errors import DiskFull, StorageFailed

from tests.doubles.accounts import (
    Account,
    AccountCommand,
    AccountEvent,
    Deposit,
    Deposited,
    OpenAccount,
    accounts,
    accounts_app,
    accounts_decider,
    accounts_projection,
    decide,
    evolve,
    project_account,
)
from tests.doubles.planned_stores import Plan, planned
from tests.doubles.raw_http import connected, request
from tests.doubles.refusing import Calls
from tests.doubles.served import problem, served
from tests.doubles.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

ADA = {"account": "1", "owner": "Ada"}
PAGE = Path(__file__).parents[3] / "docs" / "http.md"


def faulty_app() -> App:
    """Return the accounts with bugs that a deposit's note, or a query's name, brings about."""
    app = App("accounts")

    decider = accounts_decider(app)

    @decider.decide
    def decide_with_a_bug(state: Account, command: AccountCommand, context: Context) -> list[Any]:
        if isinstance(command, Deposit) and command.note == "decide raises":
            raise KeyError(command.note)
        return decide(state, command, context)

    decider.evolve(evolve)

    @app.validate
    async def note_is_good(command: Deposit, ask: Ask) -> list[Reject]:
        if command.note == "a validator waits":
            await anyio.sleep_forever()
        if command.note == "a validator raises":
            raise KeyError(command.note)
        return [Reject("note.bad", path="note")] if command.note == "bad" else []

    accounts_projection(app).on(project_account)
    app.query("accounts")(accounts)
    add_faulty_queries(app)
    return app


def add_faulty_queries(app: App) -> None:
    @app.query("raises")
    async def raises(db: ReadDb) -> None:
        raise KeyError("raises")

    @app.query("says.no.sql")
    async def says_no_sql(db: ReadDb) -> object:
        return await db.rows("SELECT nothing FROM nowhere")

    @app.query("waits")
    async def waits(db: ReadDb) -> None:
        await anyio.lowlevel.checkpoint()

    @app.query("endless")
    async def endless(db: ReadDb) -> object:
        return await db.value("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")

    @app.query("unforeseen")
    async def unforeseen(db: ReadDb) -> object:
        return object()  # which no JSON can hold


def deposit(note: str = "") -> dict[str, str]:
    return {"account": "1", "amount": "1", "note": note}


SMALL = Config(queries=QuerySettings(timeout=0.2), validator=ValidatorSettings(timeout=0.2))

Ask_ = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def get(url: str, **more: Any) -> Ask_:
    return lambda client: client.get(url, **more)


def post(url: str, **more: Any) -> Ask_:
    return lambda client: client.post(url, **more)


OF_ONE_SERVER: dict[str, tuple[Ask_, int, str]] = {
    "no JSON": (
        post("/commands/account.open", content=b"{", headers={"Content-Type": "application/json"}),
        400,
        "malformed",
    ),
    "no such address": (get("/nothing"), 404, "not-found"),
    "no such command": (post("/commands/nothing", json={}), 404, "unknown-command"),
    "no such query": (get("/queries/nothing"), 404, "unknown-query"),
    "no such stream": (get("/streams/account-2"), 404, "unknown-stream"),
    "no such category": (get("/streams/nothing"), 404, "unknown-stream"),
    "no such version": (get("/streams/account-1?version=9"), 404, "unknown-version"),
    "no outcome": (get("/outcomes/nothing"), 404, "unknown-outcome"),
    "no such consumer": (post("/consumers/nothing/resume", json={}), 404, "unknown-consumer"),
    "an effect that is none": (post("/effects/retry", json={"effect_ids": ["nothing"]}), 404, "unknown-effect"),
    "a way back to nothing": (post("/rebuild?back=true", json={}), 409, "no-way-back"),
    "another method": (get("/commands/account.open"), 405, "method-not-allowed"),
    "an id again": (
        post("/commands/account.open", json=ADA, headers={"Idempotency-Key": "first"}),
        409,
        "command-id-reused",
    ),
    "a rule's no": (post("/commands/account.open?wait=handled", json=ADA), 409, "rejected"),
    "another version": (
        post("/commands/account.deposit?wait=handled&expected_version=9", json=deposit()),
        409,
        "version-conflict",
    ),
    "too much": (post("/commands/account.deposit", json=deposit("x" * (1 << 20))), 413, "too-large"),
    "another media type": (post("/commands/account.open", content=b"{}"), 415, "unsupported-media-type"),
    "a page of another site": (get("/healthz", headers={"Origin": "http://evil.example"}), 403, "foreign-origin"),
    "another host": (get("/healthz", headers={"Host": "evil.example"}), 421, "misdirected"),
    "a validator's no": (post("/commands/account.deposit", json=deposit("bad")), 422, "refused"),
    "a schema's no": (post("/commands/account.deposit", json={}), 422, "refused"),
    "a parameter that a query has not": (get("/queries/accounts?limit=3"), 422, "bad-parameters"),
    "a head that is too large": (get("/healthz", headers={"X": "x" * (64 << 10)}), 431, "head-too-large"),
    "a bug in decide": (post("/commands/account.deposit?wait=handled", json=deposit("decide raises")), 500, "failed"),
    "a bug in a validator": (
        post("/commands/account.deposit", json=deposit("a validator raises")),
        500,
        "validator-failed",
    ),
    "a bug in a query": (get("/queries/raises"), 500, "query-failed"),
    "a statement that is none": (get("/queries/says.no.sql"), 500, "query-failed"),
    "a query that waits for something else": (get("/queries/waits"), 500, "query-failed"),
    "what nobody foresaw": (get("/queries/unforeseen"), 500, "internal"),
    "a slow validator": (
        post("/commands/account.deposit", json=deposit("a validator waits")),
        503,
        "validator-timeout",
    ),
    "a slow query": (get("/queries/endless"), 504, "query-timeout"),
    "a position that is not reached": (get("/queries/accounts?min_position=99&timeout=0"), 504, "not-projected"),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_each_cause_is_told_as_the_problem_that_it_is_and_the_server_goes_on() -> None:
    async with served(faulty_app(), SMALL) as (client, _):
        first = {"Idempotency-Key": "first"}
        for command, data in (("account.open", ADA | {"owner": "Bo"}), ("account.deposit", deposit())):
            opened = await client.post(f"/commands/{command}?wait=handled", json=data, headers=first)
            assert opened.status_code == 200
            first = {}
        found = {name: problem(await ask(client)) for name, (ask, _, _) in OF_ONE_SERVER.items()}
        assert found == {name: (status, kind) for name, (_, status, kind) in OF_ONE_SERVER.items()}
        assert (await client.get("/readyz")).status_code == 200


Served = Callable[[Path], Any]
APART: dict[str, tuple[Served, int, str]] = {}


def apart(name: str, status: int, kind: str) -> Callable[[Served], Served]:
    """Register a cause that needs a server of its own."""

    def register(cause: Served) -> Served:
        APART[name] = (cause, status, kind)
        return cause

    return register


@apart("a line behind one that was turned away", 503, "out-of-turn")
async def out_of_turn(_folder: Path) -> httpx.Response:
    notes = "a validator waits", ""
    lines = [msgspec.json.encode({"type": "account.deposit", "data": deposit(note)}) for note in notes]
    async with served(faulty_app(), SMALL) as (client, _):
        body, headers = b"\n".join(lines), {"Content-Type": "application/x-ndjson"}
        answer = await client.post("/commands", content=body, headers=headers)
    told = answer.text.splitlines()[1]
    return httpx.Response(503, text=told, headers={"Content-Type": "application/problem+json", "Retry-After": "1"})


@apart("a body that does not come", 408, "request-timeout")
async def no_body(_folder: Path) -> httpx.Response:
    async with served(settings=HttpSettings(port=0, request_timeout=0.1)) as (client, _), connected(client) as raw:
        await raw.send(request("POST /commands/account.open", "Content-Type: application/json", "Content-Length: 9"))
        return await raw.answer()


@apart("a head that does not come", 408, "request-timeout")
async def no_head(_folder: Path) -> httpx.Response:
    async with served(settings=HttpSettings(port=0, request_timeout=0.1)) as (client, _), connected(client) as raw:
        await raw.send(b"GET /healthz HTT")
        return await raw.answer()


@apart("one connection too many", 503, "too-many-connections")
async def too_many(_folder: Path) -> httpx.Response:
    async with served(settings=HttpSettings(port=0, connections=1)) as (client, _), connected(client) as raw:
        await raw.send(request("GET /healthz"))
        assert (await raw.answer()).status_code == 200
        return await client.get("/healthz")


@apart("a consumer that failed for good", 409, "consumer-halted")
async def halted_consumer(_folder: Path) -> httpx.Response:
    folder, once = MemoryFolder(), SupervisionSettings(backoff_first=0.001, backoff_longest=0.001, restarts=1)

    async def never(*_: object, **__: object) -> None:
        raise RuntimeError("the ledger is gone")

    async with served(Calls().app, Config(supervision=once), open_stores=folder.open) as (client, runtime):
        folder.effects.record = never  # type: ignore[method-assign]
        await client.post("/commands/account.open?wait=projected", json=ADA)
        await runtime.settled()
        return await client.post("/consumers/calls/resume", json={})


@apart("an effect that is done", 409, "wrong-effect-state")
async def done_effect(_folder: Path) -> httpx.Response:
    calls, folder = Calls(), MemoryFolder()
    calls.healed = True
    async with served(calls.app, open_stores=folder.open) as (client, runtime):
        await client.post("/commands/account.open?wait=projected", json=ADA)
        await runtime.settled()
        return await client.post("/effects/retry", json={"effect_ids": calls.delivered})


@apart("an event that does not fold", 500, "unreadable-stream")
async def unreadable(_folder: Path) -> httpx.Response:
    folder = MemoryFolder()
    async with served(open_stores=folder.open) as (client, _):
        for command, data in (("account.open", ADA), ("account.deposit", deposit())):
            await client.post(f"/commands/{command}?wait=handled", json=data)
    app = App("accounts")
    decider = accounts_decider(app)
    decider.decide(decide)

    @decider.evolve
    def evolve_with_a_bug(state: Account, event: AccountEvent) -> Account:
        if isinstance(event, Deposited):
            raise KeyError("account")
        return evolve(state, event)

    accounts_projection(app).on(project_account)
    async with served(app, open_stores=folder.open) as (client, _):
        return await client.get("/streams/account-1?version=2")


@apart("a mailbox that is full", 503, "overloaded")
async def full_mailbox(_folder: Path) -> httpx.Response:
    plan, config = Plan(), Config(validator=ValidatorSettings(mailbox=1, batch=1))
    append = plan.hold("append")
    async with served(config=config, open_stores=planned(plan, MemoryFolder().open)) as (client, runtime):
        return await overloaded(client, runtime, append.open)


@apart("too many commands that are not handled", 503, "overloaded")
async def unhandled(_folder: Path) -> httpx.Response:
    plan, config = Plan(), Config(validator=ValidatorSettings(max_unhandled=2))
    commit = plan.hold("commit")
    async with served(config=config, open_stores=planned(plan, MemoryFolder().open)) as (client, runtime):
        return await overloaded(client, runtime, commit.open)


async def overloaded(client: httpx.AsyncClient, runtime: Runtime, go_on: Callable[[], None]) -> httpx.Response:
    """Send commands until one is answered 503, and see that the others are not lost for that."""
    answers: list[httpx.Response] = []

    async def send(number: int) -> None:
        answers.append(await client.post("/commands/account.open?wait=handled", json=ADA | {"account": str(number)}))

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(send, number)
        await until(lambda: answers)
        go_on()
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(await runtime.history("account-0")) == 1
    assert runtime.readiness().log_end == 20 - len(refused)
    return refused[-1]


@apart("a failed sync of the log", 503, "outcome-unknown")
async def failed_log(_folder: Path) -> httpx.Response:
    plan = Plan()
    append = plan.hold("append")
    url: httpx.URL
    answers: list[httpx.Response] = []

    async def send() -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as other:
            answers.append(await other.post("/commands/account.open", json=ADA))

    async def serve_until_the_log_fails() -> None:
        nonlocal url
        async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _):
            url = client.base_url
            senders.start_soon(send)
            await append.reached.wait()
            append.open(StorageFailed("log", "fdatasync", "made to fail"))
            await anyio.sleep_forever()

    async with anyio.create_task_group() as senders:
        with pytest.raises(ExceptionGroup) as failed:
            await serve_until_the_log_fails()
        assert isinstance(cause_of(failed.value), StorageFailed)
        by_now = list(answers)  # for the process ends here
    return by_now[0]


@apart("a read database that fails", 503, "storage")
async def failed_read(_folder: Path) -> httpx.Response:
    plan = Plan()
    plan.fail("query", StorageFailed("read.db", "read", "made to fail"))
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _):
        return await client.get("/queries/accounts")


@apart("a command while it stops", 503, "stopping")
async def while_it_stops(_folder: Path) -> httpx.Response:
    plan = Plan()
    commit = plan.hold("commit")
    runtime = Runtime(accounts_app(), open_stores=planned(plan, MemoryFolder().open))
    answers: list[httpx.Response] = []

    async def send_late() -> None:
        await until(lambda: runtime._pipeline.validator.state != "running")
        answers.append(await client.post("/commands/account.open", json=ADA))
        commit.open()

    mounted = httpx.ASGITransport(runtime.asgi())  # a server that does not stop with the runtime
    async with (
        httpx.AsyncClient(transport=mounted, base_url="http://any") as client,
        anyio.create_task_group() as tasks,
        runtime,
    ):
        await client.post("/commands/account.open", json=ADA)
        await commit.reached.wait()
        tasks.start_soon(send_late)
    return answers[0]


@apart("a read database that is filled anew", 503, "rebuilding")
async def filled_anew(tmp_path: Path) -> httpx.Response:
    return await while_it_is_filled_anew(tmp_path, get("/queries/accounts"))


@apart("a second rebuild", 409, "rebuild-under-way")
async def second_rebuild(tmp_path: Path) -> httpx.Response:
    return await while_it_is_filled_anew(tmp_path, post("/rebuild", json={}))


async def while_it_is_filled_anew(tmp_path: Path, ask: Ask_) -> httpx.Response:
    config, plan = Config(data=DataSettings(dir=tmp_path / "data")), Plan()
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
    app = App("accounts")
    decider = accounts_decider(app)
    decider.decide(decide)
    decider.evolve(evolve)
    accounts_projection(app, version=2).on(project_account)
    app.query("accounts")(accounts)
    apply = plan.hold("apply")
    async with served(app, config, open_stores=planned(plan, open_folder)) as (client, _):
        await apply.reached.wait()
        answer = await ask(client)
        assert (await client.get("/readyz")).status_code == 503
        apply.open()
        return answer


def app_with_a_projection(project: Callable[[], None]) -> App:
    app = App("accounts")
    decider = accounts_decider(app)
    decider.decide(decide)
    decider.evolve(evolve)

    @accounts_projection(app).on
    def project_and_perhaps_raise(event: AccountEvent, meta: EventMeta) -> Iterator[Statement]:
        project()
        return project_account(event, meta)

    app.query("accounts")(accounts)
    return app


def with_a_bug() -> None:
    raise KeyError("https://user:secret@example.com")


@apart("a projection that raises", 503, "projector-halted")
async def halted(_folder: Path) -> httpx.Response:
    async with served(app_with_a_projection(with_a_bug)) as (client, _):
        answer = await client.post("/commands/account.open?wait=projected", json=ADA)
        assert (answer.status_code, answer.json()["stage"]) == (200, "handled")
        assert "KeyError" in answer.json()["projector_halted"]
        ready, query = await client.get("/readyz"), await client.get("/queries/accounts")
        assert (ready.status_code, "KeyError" in query.json()["projector_halted"]) == (503, True)
        later = await client.get("/queries/accounts?min_position=1")
        assert not any("secret" in each.text for each in (answer, ready, query, later))
        return later


@apart("a projection that raises in a rebuild", 500, "projection-failed")
async def failed_rebuild(_folder: Path) -> httpx.Response:
    projects: list[Callable[[], None]] = [lambda: None, with_a_bug]

    def project() -> None:
        projects.pop(0)()

    async with served(app_with_a_projection(project)) as (client, _):
        await client.post("/commands/account.open?wait=projected", json=ADA)
        return await client.post("/rebuild", json={})


@apart("a handler that is slow", 504, "timed-out")
async def slow_handler(_folder: Path) -> httpx.Response:
    plan = Plan()
    commit = plan.hold("commit")
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _):
        answer = await client.post("/commands/account.open?wait=handled&timeout=0.2", json=ADA)
        told = answer.json()
        assert (told["offset"], told["stage"]) == (1, "accepted")
        commit.open()
        again = await client.post(
            "/commands/account.open?wait=handled", json=ADA, headers={"Idempotency-Key": told["command_id"]}
        )
        assert (again.status_code, again.json()["offset"], again.json()["repeated"]) == (200, 1, True)
        return answer


@apart("a full device", 507, "no-space")
async def full_device(_folder: Path) -> httpx.Response:
    plan = Plan()
    plan.fail_always("append", lambda: DiskFull("log"))
    async with served(open_stores=planned(plan, MemoryFolder().open)) as (client, _):
        answer = await client.post("/commands/account.open", json=ADA)
        assert (await client.get("/queries/accounts")).json()["value"] == []
        plan.relent("append")
        assert (await client.post("/commands/account.open", json=ADA)).status_code == 202
        return answer


@pytest.mark.parametrize(("cause", "status", "kind"), APART.values(), ids=APART.keys())
async def test_a_cause_that_needs_a_server_of_its_own_is_told_as_well(
    tmp_path: Path, cause: Served, status: int, kind: str
) -> None:
    assert problem(await cause(tmp_path)) == (status, kind)


def test_no_kind_of_problem_is_without_a_cause() -> None:
    caused = {(status, kind) for causes in (OF_ONE_SERVER, APART) for _, status, kind in causes.values()}
    assert caused == {(kind.status, kind.name) for kind in kinds()}


def test_the_table_of_the_documentation_names_exactly_the_kinds_that_there_are() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("| status | type ")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines()[2:]]
    named = {(int(status), name) for status, names in rows for name in re.findall(r"`([\w-]+)`", names)}
    assert named == {(kind.status, kind.name) for kind in kinds()}
