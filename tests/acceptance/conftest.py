"""A data folder on a real disk, the shop's command line on it, and the real invoices as commands."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from examples.shop import online_retail
from tests.acceptance.shop_commands import write_shop_commands
from tests.doubles.command_line import CommandLine


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a temporary folder that is on a disk, and not in memory, where there is such a place."""
    usual = tmp_path_factory.mktemp("disk")
    if file_system(usual) != "tmpfs" or file_system(Path("/var/tmp")) == "tmpfs":
        yield usual
        return
    with TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def folder(disk: Path) -> Iterator[Path]:
    """Return a folder for one test on that disk."""
    with TemporaryDirectory(dir=disk) as name:
        yield Path(name)


@pytest.fixture
def shop(folder: Path) -> Iterator[CommandLine]:
    """Return `twofold` with the shop's settings and a data folder of its own."""
    with CommandLine(folder / "data") as shop:
        yield shop


@pytest.fixture(scope="session")
def real_commands(disk: Path, online_retail_folder: Path) -> Path:
    """Return the real invoices as the shop's commands, a line each."""
    (source,) = online_retail_folder.glob("*.csv.xz")
    commands = disk / "online-retail.ndjson"
    assert online_retail.main([str(source), "--out", str(commands)]) == 0
    return commands


@pytest.fixture(scope="session")
def figures(online_retail_folder: Path) -> dict[str, Any]:
    """Return what must come out of the real invoices."""
    found: dict[str, Any] = json.loads((online_retail_folder / "figures.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def made_up_commands(disk: Path) -> Path:
    """Return ten thousand commands of every kind and fate."""
    return write_shop_commands(disk / "made-up.ndjson", 10_000)


def file_system(path: Path) -> str:
    """Return the type of the file system that holds `path`."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    holding = [(point, kind) for point, kind in mounts if path.resolve().is_relative_to(point)]
    return max(holding, key=lambda mount: len(mount[0]))[1]
