"""The floors: imports point strictly downward, and the contracts that say so notice when they do not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder in which `twofold` is an ordinary package: an editable install cannot be followed."""
    package = tmp_path / "twofold"
    for floor in ("stores", "actors", "runtime"):
        shutil.copytree(REPOSITORY / floor, package / floor, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "__init__.py", package)
    return tmp_path


def lint(copy: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINT_IMPORTS), "--no-cache", "--config", str(REPOSITORY / "pyproject.toml")]
    environ = {**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, check=False)


def test_imports_point_strictly_downward_and_no_folder_holds_a_circle(copy: Path) -> None:
    linted = lint(copy)
    assert linted.returncode == 0, linted.stdout
    assert "3 kept, 0 broken" in linted.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("stores/chain.py", "from ..actors import domain", "Imports point strictly downward"),
        ("actors/domain.py", "from ..runtime import config", "Imports point strictly downward"),
        ("stores/chain.py", "import twofold.runtime.config", "Imports point strictly downward"),
        ("actors/kernel/clock.py", "from ...stores import errors", "The kernel knows neither stores nor runtime"),
        ("actors/kernel/clock.py", "from ..domain import Context", "The kernel knows neither stores nor runtime"),
        ("runtime/secrets.py", "from . import config", "No folder holds a circle"),
    ],
)
def test_an_import_that_points_upward_or_around_is_noticed(copy: Path, file: str, line: str, contract: str) -> None:
    with (copy / "twofold" / file).open("a") as module:
        module.write(f"\n{line}\n")
    linted = lint(copy)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert any(x.startswith(contract) and x.endswith("BROKEN") for x in linted.stdout.splitlines()), linted.stdout


def test_a_folder_without_a_floor_is_noticed(copy: Path) -> None:
    (copy / "twofold" / "extras").mkdir()
    (copy / "twofold" / "extras" / "__init__.py").write_text("")
    linted = lint(copy)
    assert linted.returncode == 1
    assert "extras" in linted.stdout
