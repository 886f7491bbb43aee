"""Each kind of problem has a cause that is real, and is told with its own status; docs/http.md names them all."""

import re
from pathlib import Path

import pytest
from twofold.runtime.http.problems import kinds

from tests.doubles.faulty_accounts import ADA, SMALL, deposit, faulty_app
from tests.doubles.served import problem, served
from tests.runtime.http.causes import Served
from tests.runtime.http.causes_in_the_way import IN_THE_WAY
from tests.runtime.http.causes_of_one_server import OF_ONE_SERVER
from tests.runtime.http.causes_that_broke import BROKEN

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

PAGE = Path(__file__).parents[3] / "docs" / "http.md"
APART = IN_THE_WAY | BROKEN


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
