"""One command on its way to a server, until it has its answer."""

import msgspec
from msgspec import structs

from ...actors.admission import LARGEST_COMMAND, too_large
from ...actors.command_ids import new_command_id
from ...actors.submission import JsonCommand, Receipt, Submission
from ..command_lines import Line
from ..send_summary import NoAnswer, Tally
from .answers import Answer, Told, read_answer
from .failures import ServerAway

__all__ = ["SentLine"]

encode = msgspec.json.Encoder().encode


class SentLine:
    """A line of the file, and its command under an id that it keeps, however often it is sent."""

    __slots__ = ("_answer", "_line", "_said", "_sent", "_text", "_times", "_type", "is_done")

    def __init__(self, line: Line) -> None:
        """Take a line; one that is no command, or too large a one, is done without a server."""
        self.is_done = False
        """Whether no other answer will follow."""
        self._text = b""
        self._line = self._sent = line
        self._type = ""
        self._answer: Answer | None = None
        self._said: Receipt | NoAnswer = NoAnswer("ServerAway", "It was not sent.")  # until there is an answer
        self._times = 0
        command = line.command
        if command is None:
            self.is_done = True
        elif len(command.data) > LARGEST_COMMAND:
            self.is_done = True
            submission = Submission(JsonCommand(command.type, b""), command_id=command.id)
            self._answer = too_large(submission, command.type, len(command.data), LARGEST_COMMAND)
        else:
            if command.id is None:
                command = structs.replace(command, id=new_command_id())
            self._sent = line._replace(said=command)
            self._text, self._type = encode(command), command.type

    @property
    def size(self) -> int:
        """The bytes of the line as it is sent; 0 where it is not."""
        return len(self._text)

    def send(self) -> bytes:
        """Return the line to send, and count that."""
        self._times += 1
        return self._text

    def note(self, told: Told) -> None:
        """Take what the server told of it."""
        answer = read_answer(told, self._type)
        if told.passes and isinstance(answer, Receipt | NoAnswer):
            self._said = answer
            return
        if self._times > 1 and isinstance(answer, Receipt):
            answer = structs.replace(answer, repeated=False)  # what was accepted before was most likely this one
        self._answer, self.is_done = answer, True

    def miss(self, away: ServerAway) -> None:
        """Note why the server said nothing this time; that it was accepted, if it said so before, stands."""
        if isinstance(self._said, NoAnswer):
            self._said = NoAnswer("ServerAway", str(away))

    def count(self, tally: Tally) -> None:
        """Count what became of it."""
        if self.is_done:
            tally.count(self._line, self._answer)
        else:  # who sends it again by hand needs the id, whoever made it
            tally.count(self._sent, self._said)
