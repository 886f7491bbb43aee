"""A reader who follows a page to the letter, on two terminals: in one a server runs, the other is for all the rest.

- A block of `sh` is pasted, and what comes out must be what the block of `text` behind it shows, but for times, ids and
  the like. One that begins with ``^C`` is what the server says to Ctrl-C.
- Any other block is the content of the file that the paragraph before it names. It is added to the end where that
  paragraph says "add", and a `diff` changes the file.
- What installs the package is left out: the tests' own environment has it.
"""

import re
import shlex
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from twofold.runtime.cli.exit_codes import ExitCode

from tests.docs.page import Block, Page
from tests.doubles.command_line import ENVIRONMENT, TWOFOLD, CommandLine
from tests.doubles.ports import free_port
from tests.doubles.terminal import Terminal

__all__ = ["Reader", "check_answers", "without_what_differs"]

SERVER = re.compile(r"twofold run|make run|uvicorn ")
READS = re.compile(r"cat |curl (?!-X)|(\S*/)?twofold (query|history|state|status|effects list)")
PATIENCE = 20.0
INSTALLS = "pip install"
DIFFERS = {
    r"\d{4}-\d\d-\d\d[ T][\d:.]+Z": "(time)",
    r"^\d\d:\d\d:\d\d": "(time)",
    r"(?<=^Date: ).+": "(time)",
    r"\b\d+\.\d+ ?s\b": "(duration)",
    r"(?<=seconds=)[\d.]+": "(duration)",
    r"\b[0-9a-f]{32,64}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b": "(id)",
    r"(?<=process )\d+": "(process)",
    r"(?<= )handled=\d+ head=\d+ projected=\d+": "(progress)",  # where a kill comes in between
    r"\d+\.\d (?=[kM]B)": "(size) ",
    r"(?<=Twofold )\d+\.\d+\.\d+": "(version)",
}


def without_what_differs(text: str) -> str:
    """Return `text` with a word in place of each time, id and the like, and without blanks at the ends of lines."""
    for pattern, word in DIFFERS.items():
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def check_answers(page: Page, twofold: CommandLine, called: str = "") -> None:
    """Run the commands of the sessions of `page`, whose data folder is `called` so, and hold their answers against it.

    An answer is what stands on standard output; progress and notices beside it are not in such a session. Besides
    `twofold` there is `cat`, of a file beside the data.
    """
    for block in page.blocks("console"):
        for command, shown in block.steps:
            program, *arguments = shlex.split(command)
            if program == "cat":
                said = "".join((twofold.data.parent / name).read_text(encoding="utf-8") for name in arguments)
            else:
                assert program == "twofold", command
                ran = twofold.run(*arguments)
                assert ran.code == ExitCode.DONE, ran
                said = ran.out
            assert without_what_differs(said.replace(str(twofold.data), called)) == without_what_differs(shown)


class Reader:
    """One who follows pages in a folder. The page calls it `called`, and 8080 is whichever port is free."""

    def __init__(self, folder: Path, called: str) -> None:
        self._folder, self._called = folder, called
        self._port = str(free_port())
        self._environment = ENVIRONMENT | {
            "PATH": f"{TWOFOLD.parent}:{ENVIRONMENT['PATH']}",
            "TWOFOLD_HTTP__PORT": self._port,
        }
        self._servers = ExitStack()
        self._server: Terminal | None = None
        self._pasted = self._said = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._servers.close()

    def follow(self, page: Page) -> None:
        """Do all that `page` says, in order."""
        for block in page.blocks():
            self.take(block)

    def take(self, block: Block) -> None:
        """Paste a block, write it down, or hold it against what came out."""
        match block.language:
            case "sh" if INSTALLS in block.text:
                pass
            case "sh":
                self._pasted, self._said = block.text, self._paste(block.text)
            case "text":
                seen = self._press_ctrl_c() if block.text.startswith("^C") else self._look(block.text)
                assert without_what_differs(seen) == without_what_differs(block.text.removeprefix("^C")), self._pasted
            case "diff":
                self._change(self._folder / block.file, block.text)
            case _:
                added_to = re.search(r"\b[Aa]dd\b", block.before) is not None
                with (self._folder / block.file).open("a" if added_to else "w", encoding="utf-8") as file:
                    file.write(f"\n\n{block.text}" if added_to else block.text)

    def _paste(self, text: str) -> str:
        """Run what is pasted and return what comes out of it; a server goes on, and is looked at later."""
        command = text.replace("8080", self._port)
        terminal = Terminal(["bash", "-c", command], self._folder, self._environment)
        if SERVER.match(command):
            self._serve(terminal)
            return ""
        with terminal:
            terminal.end()
        return self._as_on_the_page(terminal.text)

    def _look(self, shown: str) -> str:
        """Return what came out. A server may take its time, and what only reads is pasted again until it is as shown.

        So would a person do, to whom an e-mail comes in a moment.
        """
        if SERVER.match(self._pasted):
            assert self._server is not None
            beginning = rf"\A\s*(?:.*\n){{{len(shown.strip().splitlines())}}}"
            found = re.match(beginning, self._server.until(beginning))
            return self._as_on_the_page(found.group() if found else "")
        deadline = time.monotonic() + PATIENCE
        while READS.match(self._pasted) and without_what_differs(self._said) != without_what_differs(shown):
            if time.monotonic() > deadline:
                break
            self._said = self._paste(self._pasted)
        return self._said

    def _press_ctrl_c(self) -> str:
        """Stop the server, and return what it says to that."""
        assert self._server is not None
        server, self._server = self._server, None
        server.press_ctrl_c()
        assert server.end() in (0, -signal.SIGINT), server.text  # the latter from make
        return self._as_on_the_page(server.text.partition("^C")[2])

    def _serve(self, terminal: Terminal) -> None:
        if self._server is not None:
            assert self._server.end() == -signal.SIGKILL, "A page stops or kills a server before it starts another."
        self._server = self._servers.enter_context(terminal)

    def _as_on_the_page(self, text: str) -> str:
        return text.replace(str(self._folder), self._called).replace(self._port, "8080")

    @staticmethod
    def _change(file: Path, diff: str) -> None:
        """Change a file as a diff without line numbers says: each part of it once."""
        content = file.read_text(encoding="utf-8")
        for part in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
            lines = part.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            if old or new:
                assert content.count(old) == 1, f"{file.name} does not have once:\n{old}"
                content = content.replace(old, new)
        file.write_text(content, encoding="utf-8")
