"""What every test shares: anyio's own pytest plugin runs the async ones on asyncio, and the real invoices."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

REPOSITORY = Path(__file__).parents[1]
DATA = Path(os.environ.get("ONLINE_RETAIL", REPOSITORY.parent / "shared" / "data" / "online-retail"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def logs_as_they_come() -> Iterator[None]:
    """Undo what a test, or a program that it runs in this process, has made of structlog."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def online_retail_folder() -> Path:
    """Return the folder of the data set and its ``figures.json``; the data is not part of the project."""
    if not DATA.exists():
        pytest.skip(f"the data set is not at {DATA}; ONLINE_RETAIL names its folder")
    return DATA
