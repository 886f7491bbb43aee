"""A folder for one run, gone once it was compared."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

__all__ = ["run_folder"]


@contextmanager
def run_folder(parent: Path) -> Iterator[Path]:
    """Make an empty folder in `parent`, and remove it with all that is in it."""
    folder = Path(mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
