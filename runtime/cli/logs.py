"""What the command line does with what is logged: a line for a person on a terminal, and JSON anywhere else.

An application that embeds a Runtime configures its own logging; nothing here is called for it. All lines take one way,
that of the standard library's `logging`, so that those of libraries have the same form, and so that a line which cannot
be written, to a full device for one, is left out and fails nobody.
"""

import json
import logging
from typing import TextIO

import click
import structlog
from structlog.stdlib import LoggerFactory, ProcessorFormatter
from structlog.typing import EventDict, Processor

__all__ = ["configure_logs"]

_COLOURS = {"debug": "white", "info": "green", "warning": "yellow", "error": "red", "critical": "red"}


def configure_logs(stream: TextIO, least: int = logging.WARNING) -> None:
    """Have all that Twofold logs from the level `least` on written to `stream`, and what libraries log from WARNING on.

    On a terminal a line is the time of day, the level, the event, and its facts as key=value. Elsewhere it is one JSON
    object with the keys time (ISO 8601, UTC), level, event, and each fact. Called again it only changes the level.
    """
    for_person = stream.isatty()
    time = structlog.processors.TimeStamper("%H:%M:%S" if for_person else "iso", utc=not for_person, key="time")
    facts: list[Processor] = [structlog.stdlib.add_log_level, structlog.processors.format_exc_info, time]
    structlog.configure(
        processors=[*facts, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=LoggerFactory(),
    )
    handler = logging.StreamHandler(stream)
    render = _for_person if for_person else _for_program
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *facts],
            processors=[ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("twofold").setLevel(least)


def _for_program(_logger: object, _method: str, line: EventDict) -> str:
    first = {name: line.pop(name) for name in ("time", "level", "event")}
    return json.dumps({**first, **line}, default=str)


def _for_person(_logger: object, _method: str, line: EventDict) -> str:
    time, level, event = (str(line.pop(name)) for name in ("time", "level", "event"))
    exception = line.pop("exception", None)
    said = click.style(_printable(event), bold=True)
    coloured = click.style(f"{level:<8}", fg=_COLOURS.get(level))
    facts = (f"{name}={_value(value)}" for name, value in line.items())
    shown = " ".join((time, coloured, said, *facts))
    below = [] if exception is None else map(_printable, str(exception).splitlines())
    return "\n".join((shown, *below))


def _printable(text: str) -> str:
    """Return `text` so that nothing in it can end the line or speak to the terminal."""
    return text if text.isprintable() else repr(text)


def _value(value: object) -> str:
    text = str(value)
    return _printable(text) if text and not set(text) & set(" \"'=") else repr(text)
