"""The files of a read database: numbered generations, and a pointer that names those that count.

The pointer is a text of one or two lines: the generation that serves, followed by the word ``filling`` for as long as
it was never filled to the end of the events, and the one that served before, which is kept for a way back. Every other
generation is the rest of a rebuild that did not end, and is deleted at the next start.
"""

import re
from pathlib import Path

from msgspec import Struct

from ..files import Files, failing, write_durably

__all__ = [
    "Pointer",
    "delete_generation",
    "discard_generations",
    "next_generation",
    "point_to",
    "read_pointer",
    "serving_generation",
    "withdraw_pointer",
]

POINTER = "current"
FILLING = "filling"
GENERATION = re.compile(r"generation-(\d{6,})\.db")
PARTS = ("", "-wal", "-shm")


class Pointer(Struct, frozen=True):
    """Which files of a folder count."""

    serving: Path
    kept: Path | None
    """The generation that served before."""
    is_filled: bool
    """Whether the one that serves was ever filled to the end of the events."""

    def last_filled(self) -> Path | None:
        """Return the newest generation that was filled, if it is there."""
        file = self.serving if self.is_filled else self.kept
        return file if file is not None and file.exists() else None


def read_pointer(folder: Path) -> Pointer | None:
    """Return what the pointer of `folder` says, or ``None`` where there is none, or it is damaged."""
    try:
        lines = (folder / POINTER).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    name, _, word = lines[0].partition(" ") if lines else ("", "", "")
    if GENERATION.fullmatch(name) is None or word not in ("", FILLING):
        return None
    kept = folder / lines[1] if len(lines) > 1 and GENERATION.fullmatch(lines[1]) else None
    return Pointer(folder / name, kept, is_filled=not word)


def serving_generation(folder: Path) -> Path | None:
    """Return the file that the pointer of `folder` names, or ``None`` where there is none, or it is damaged."""
    pointer = read_pointer(folder)
    return None if pointer is None else pointer.serving


def next_generation(folder: Path) -> Path:
    """Return the file of the generation after the newest in `folder`; numbers are not used twice."""
    numbers = [int(match[1]) for each in folder.iterdir() if (match := GENERATION.match(each.name))]
    return folder / f"generation-{max(numbers, default=0) + 1:06}.db"


def point_to(pointer: Pointer, files: Files | None = None) -> None:
    """Write `pointer` durably; after a crash the old one stands or the new one.

    Raises:
        DiskFull: there was no room; the old one stands.
        StorageFailed: the device failed.
    """
    word = "" if pointer.is_filled else f" {FILLING}"
    kept = "" if pointer.kept is None else f"{pointer.kept.name}\n"
    text = f"{pointer.serving.name}{word}\n{kept}"
    write_durably(files or Files(), pointer.serving.with_name(POINTER), text.encode())


def withdraw_pointer(folder: Path) -> None:
    """Let no generation of `folder` serve, durably: the next start begins a new one."""
    (folder / POINTER).unlink(missing_ok=True)
    with failing(folder, "fsync"):
        Files().sync_folder(folder)


def discard_generations(pointer: Pointer) -> None:
    """Delete all generations beside those that `pointer` names: each can be filled anew from the events."""
    named = {file.name for file in (pointer.serving, pointer.kept) if file is not None}
    for each in list(pointer.serving.parent.iterdir()):
        if (match := GENERATION.match(each.name)) and match[0] not in named:
            each.unlink()


def delete_generation(file: Path) -> None:
    """Delete a generation with all that SQLite keeps beside it."""
    for part in PARTS:
        file.with_name(f"{file.name}{part}").unlink(missing_ok=True)
