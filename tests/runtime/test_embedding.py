"""A runtime is a guest in its process: it leaves alone what belongs to all of it, and keeps nothing for itself."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import structlog
from twofold import Config, Runtime
from twofold.runtime.config import DataSettings

from tests.doubles.accounts import OpenAccount, accounts_app

pytestmark = pytest.mark.anyio


def of_the_process() -> dict[str, Any]:
    """Return what all of a process shares: how signals and logs are handled, its environment, folder and path."""
    loggers = [logging.getLogger(name) for name in ("", "twofold", "uvicorn", "httpx")]
    return {
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "logs": [(list(each.handlers), list(each.filters), each.level, each.disabled) for each in loggers],
        "structlog": (structlog.is_configured(), structlog.get_config()),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "path": list(sys.path),
        "excepthook": sys.excepthook,
        "error handler": asyncio.get_running_loop().get_exception_handler(),
    }


def collections_of_twofold() -> dict[tuple[str, str], str]:
    """Return what every collection says that stands in a module of Twofold: a state would be in one of them."""
    return {
        (module, name): repr(value)
        for module, loaded in list(sys.modules.items())
        if module.partition(".")[0] == "twofold"
        for name, value in vars(loaded).items()
        if isinstance(value, dict | list | set) and not name.startswith("__")
    }


async def use(runtime: Runtime) -> None:
    await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(runtime.asgi()), base_url="http://site") as client:
        assert (await client.get("/queries/accounts")).json()["value"] == ["1"]


async def test_a_runtime_touches_nothing_that_belongs_to_the_whole_process(tmp_path: Path) -> None:
    before = of_the_process()
    async with Runtime(accounts_app(), Config(data=DataSettings(dir=tmp_path / "data"))) as runtime:
        await use(runtime)
        assert of_the_process() == before
    assert of_the_process() == before


async def test_no_module_remembers_a_runtime(tmp_path: Path) -> None:
    async with Runtime(accounts_app(), Config(data=DataSettings(dir=tmp_path / "first"))) as runtime:
        await use(runtime)  # what is imported on first use is there from now on
        before = collections_of_twofold()
    async with Runtime(accounts_app(), Config(data=DataSettings(dir=tmp_path / "second"))) as runtime:
        await use(runtime)
        assert collections_of_twofold() == before
    assert collections_of_twofold() == before
    assert len(before) > 5


async def test_two_runtimes_serve_two_sites_of_one_process_and_one_goes_on_when_the_other_stops(tmp_path: Path) -> None:
    app = accounts_app()
    first, second = (Runtime(app, Config(data=DataSettings(dir=tmp_path / name))) for name in ("first", "second"))
    async with second:
        async with first, anyio.create_task_group() as tasks:
            tasks.start_soon(use, first)
            tasks.start_soon(use, second)
        assert first.readiness().ready is False
        assert second.readiness().ready is True
        assert (await second.query("accounts")).value == ["1"]
