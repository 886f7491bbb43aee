"""A clone whose environment is there already, so that `make run` serves at once, from a data folder of its own."""

import subprocess
from pathlib import Path

import pytest

from tests.doubles.command_line import REPOSITORY

__all__ = ["clone_in"]


def clone_in(folder: Path) -> Path:
    """Return a folder with the names of the repository; the test is skipped where `make run` would install first."""
    is_ready = subprocess.run(["make", "-q", ".venv/.runnable"], cwd=REPOSITORY, capture_output=True, check=False)
    if is_ready.returncode != 0:
        pytest.skip("make run would install into .venv first; make install does")
    clone = folder / "twofold"
    clone.mkdir()
    for name in (".ci", ".venv", "Makefile", "config.toml", "examples", "pyproject.toml"):
        (clone / name).symlink_to(REPOSITORY / name)
    return clone
