"""A wrong call of the Runtime is answered at once, before anything is handed over, and outside its block too."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import twofold
from twofold import NotRunning, Runtime, TwofoldError
from twofold.runtime.testing import MemoryFolder, MemoryRuntime

from tests.doubles.accounts import OpenAccount, accounts_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

ADA = OpenAccount("1", "Ada")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"wait": "projcted"}, "accepted, handled, projected, and not until 'projcted'"),
        ({"wait": ["handled"]}, "and not until ['handled']"),
        ({"timeout": "1"}, "a number of seconds, 0 or more, or None, not '1'"),
        ({"timeout": -1.0}, "not -1.0"),
        ({"timeout": float("nan")}, "not nan"),
    ],
)
async def test_a_wrong_wait_or_timeout_is_refused_before_anything_is_handed_over(wrong: Any, told: str) -> None:
    folder = MemoryFolder()
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        with pytest.raises(ValueError, match=re.escape(told)):
            await runtime.submit(ADA, **wrong)
        with pytest.raises(ValueError, match=re.escape(told)):
            runtime.begin(ADA, **wrong)
        with pytest.raises(ValueError, match=re.escape(told)):
            await runtime.submit_many([ADA], **wrong)
    assert folder.log.end() == 0


async def test_a_query_with_a_wrong_timeout_is_refused_though_it_need_not_wait() -> None:
    async with MemoryRuntime(accounts_app()) as runtime:
        with pytest.raises(ValueError, match="not '1'"):
            await runtime.query("accounts", timeout="1")  # type: ignore[arg-type]


async def test_ids_that_are_not_as_many_as_the_commands_are_counted_and_nothing_is_handed_over() -> None:
    folder = MemoryFolder()
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        with pytest.raises(ValueError, match="2 command_ids for 1 command: give one for each"):
            await runtime.submit_many([ADA], command_ids=["a", "b"])
    assert folder.log.end() == 0


CALLS: dict[str, Callable[[Runtime], Awaitable[object]]] = {
    "submit": lambda runtime: runtime.submit(ADA),
    "submit_many": lambda runtime: runtime.submit_many([ADA]),
    "post": lambda runtime: runtime.post(ADA),
    "query": lambda runtime: runtime.query("accounts"),
    "query_text": lambda runtime: runtime.query_text("accounts", {}),
    "history": lambda runtime: runtime.history("account-1"),
    "state": lambda runtime: runtime.state("account-1"),
    "outcome": lambda runtime: runtime.outcome("o1"),
    "settled": lambda runtime: runtime.settled(),
    "effects": lambda runtime: runtime.effects(),
    "release_effects": lambda runtime: runtime.release_effects(["e1"], again=True),
    "resume_consumer": lambda runtime: runtime.resume_consumer("mails"),
    "effects_to_send": lambda runtime: runtime.effects_to_send(),
    "rebuild": lambda runtime: runtime.rebuild(),
    "rebuild_back": lambda runtime: runtime.rebuild_back(),
}
AT_ONCE: dict[str, Callable[[Runtime], object]] = {
    "begin": lambda runtime: runtime.begin(ADA),
    "rebuilding": lambda runtime: runtime.rebuilding(),
    "statistics": lambda runtime: runtime.statistics(),
}


ANYWHERE = {"asgi", "readiness"}
"""What serves while a runtime starts and stops, and says so itself."""


async def refuse_all(runtime: Runtime) -> None:
    for call in CALLS.values():
        with pytest.raises(NotRunning, match="inside `async with Runtime"):
            await call(runtime)
    for call_at_once in AT_ONCE.values():
        with pytest.raises(NotRunning):
            call_at_once(runtime)


async def test_before_its_block_and_after_it_every_method_says_that_the_runtime_is_not_running() -> None:
    runtime = MemoryRuntime(accounts_app())
    await refuse_all(runtime)
    async with runtime:
        await runtime.submit(ADA)
    await refuse_all(runtime)
    assert CALLS.keys() | AT_ONCE.keys() | ANYWHERE == {name for name in dir(Runtime) if not name.startswith("_")}


def test_every_error_that_the_runtime_says_it_raises_can_be_imported_and_caught() -> None:
    named: set[str] = set()
    for documented in (Runtime, *(getattr(Runtime, name) for name in CALLS.keys() | AT_ONCE.keys())):
        raises = (documented.__doc__ or "").partition("Raises:")[2]
        named |= {name for line in re.findall(r"^ +([\w, ]+):", raises, re.MULTILINE) for name in line.split(", ")}
    own = named - {"ValueError"}
    assert {"Overloaded", "Locked", "UnreadableStream"} <= own
    for name in own:
        assert name in twofold.__all__, f"{name} cannot be imported"
        assert issubclass(getattr(twofold, name), TwofoldError)
