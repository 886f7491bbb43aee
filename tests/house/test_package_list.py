"""What a user installs: `twofold/`, whole, and nothing beside it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

REPOSITORY = Path(__file__).parents[2]
FLOORS = ("stores", "actors", "runtime")


def package_files() -> set[str]:
    """Return every file of the package by its path in the repository, whatever its kind."""
    below = [x for floor in FLOORS for x in (REPOSITORY / floor).rglob("*") if x.is_file()]
    files = {x.relative_to(REPOSITORY).as_posix() for x in below if "__pycache__" not in x.parts}
    return files | {"__init__.py", "py.typed"}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build a wheel from a clean copy and return the names of what it holds."""
    copy = tmp_path_factory.mktemp("copy")
    for name in (*FLOORS, "tests", "__init__.py", "py.typed", "pyproject.toml", "README.md", "LICENSE"):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        "dist",
        ".",
    ]
    built = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (copy / "dist").glob("*.whl")
    with ZipFile(wheel) as opened:
        return set(opened.namelist())


def test_every_folder_with_modules_is_listed_as_a_package() -> None:
    listed = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {Path(name).parent for name in package_files() if name.endswith(".py")}
    assert sorted(listed) == sorted(".".join(("twofold", *folder.parts)) for folder in folders)


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel_names: set[str]) -> None:
    held = {name for name in wheel_names if ".dist-info/" not in name}
    assert held == {f"twofold/{name}" for name in package_files()}


def test_the_wheel_says_that_it_is_typed_and_brings_its_schemas_and_its_licence(wheel_names: set[str]) -> None:
    assert "twofold/py.typed" in wheel_names
    assert any(name.startswith("twofold/stores/sqlite/") and name.endswith(".sql") for name in wheel_names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names)


def test_the_change_log_begins_with_the_version_that_is_built() -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    headings = [x for x in (REPOSITORY / "CHANGELOG.md").read_text().splitlines() if x.startswith("## ")]
    assert headings[0] == "## [Unreleased]"
    assert headings[1].startswith(f"## [{version}] - ")
