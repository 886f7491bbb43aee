"""A page of the documents as its reader takes it: blocks of code to copy, and sessions with what comes out."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Block", "Page", "Step"]

REPOSITORY = Path(__file__).parents[2]
BLOCK = re.compile(
    r"(?P<before>(?:^(?!```)[^\n]+\n)*)\n*^```(?P<language>\w+)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)


class Step(NamedTuple):
    """A command of a session, and what is shown below it."""

    command: str
    shown: str


class Block(NamedTuple):
    """A block of code, and the paragraph before it, which says what it is."""

    before: str
    language: str
    text: str

    @property
    def steps(self) -> Iterator[Step]:
        """Yield the steps of a session."""
        for step in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            yield Step(command, shown)

    @property
    def file(self) -> str:
        """The file that the paragraph before it names last."""
        *_, last = re.finditer(r"`([\w./]+\.\w+)`", self.before)
        return last[1]


class Page:
    """A document, or the part of one below a heading."""

    def __init__(self, name: str, heading: str | None = None) -> None:
        self.text = (REPOSITORY / name).read_text(encoding="utf-8")
        if heading is not None:
            self.text = self.text.split(f"\n## {heading}\n")[1].partition("\n## ")[0]

    def blocks(self, *languages: str) -> list[Block]:
        """Return the blocks, all of them or those in the `languages`, in order."""
        found = [Block(*match.group("before", "language", "text")) for match in BLOCK.finditer(self.text)]
        return [block for block in found if not languages or block.language in languages]

    def code(self, language: str) -> list[str]:
        """Return what stands in the blocks in `language`."""
        return [block.text for block in self.blocks(language)]
