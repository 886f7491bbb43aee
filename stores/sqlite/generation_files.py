"""The files of a read database: numbered generations, and a pointer that names the one that serves."""

import os
import re
from pathlib import Path

from ..errors import StorageFailed
from .opening import sync_folder

__all__ = ["discard_generations", "next_generation", "point_to", "serving_generation", "withdraw_pointer"]

POINTER = "current"
GENERATION = re.compile(r"generation-(\d{6,})\.db")
PARTS = ("", "-wal", "-shm")


def serving_generation(folder: Path) -> Path | None:
    """Return the file that the pointer of `folder` names, or ``None`` where there is none, or it is damaged."""
    try:
        name = (folder / POINTER).read_text(errors="replace").strip()
    except FileNotFoundError:
        return None
    return folder / name if GENERATION.fullmatch(name) else None


def next_generation(folder: Path) -> Path:
    """Return the file of the generation after the newest in `folder`; numbers are not used twice."""
    numbers = [int(match[1]) for each in folder.iterdir() if (match := GENERATION.match(each.name))]
    return folder / f"generation-{max(numbers, default=0) + 1:06}.db"


def point_to(file: Path) -> None:
    """Make `file` the generation that serves, durably; after a crash the pointer names the old one or the new one.

    Raises:
        StorageFailed: the device failed.
    """
    pointer = file.with_name(POINTER)
    temporary = file.with_name(f"{POINTER}.new")
    try:
        with temporary.open("w") as stream:
            stream.write(f"{file.name}\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(pointer)
    except OSError as error:
        raise StorageFailed(pointer, "write of the pointer", error) from error
    sync_folder(file.parent)


def withdraw_pointer(folder: Path) -> None:
    """Let no generation of `folder` serve, durably: the next start begins a new one."""
    (folder / POINTER).unlink(missing_ok=True)
    sync_folder(folder)


def discard_generations(folder: Path, kept: frozenset[Path]) -> None:
    """Delete all generations in `folder` but those `kept`: each can be filled anew from the events."""
    names = {f"{file.name}{part}" for file in kept for part in PARTS}
    for each in list(folder.iterdir()):
        if GENERATION.match(each.name) and each.name not in names:
            each.unlink()
