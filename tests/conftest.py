"""What every test shares: anyio's own pytest plugin runs the async ones on asyncio."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
