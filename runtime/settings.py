"""How settings are read: strictly, one by one, and with everything that is wrong with them named at once.

Settings form sections, and both are frozen structs. A value that is given knows where it comes from, so a problem can
name its file or its variable. What a value must be stands in the struct's annotation alone: its type, its bounds, and
under ``Meta(extra={"read": ...})`` the function that reads it where it is written in words of its own.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_origin

import msgspec
from msgspec import Meta, Struct

from ..stores.errors import TwofoldError
from .secrets import Secret, SecretError, read_secret

__all__ = ["ConfigError", "Given", "given_by_environment", "given_by_table", "nearest", "read_sections"]

PREFIX = "TWOFOLD_"

T = TypeVar("T", bound=Struct)


class ConfigError(TwofoldError):
    """The settings cannot be used; `problems` names each thing that is wrong, and where it stands."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class Given(NamedTuple):
    """One value of a setting, as somebody gave it."""

    section: str
    key: str | None
    """The setting in the section, or ``None`` where something stands in the section's place."""
    value: object
    source: str
    """What to name in a problem: the file and the path in it, or the variable."""
    folder: Path
    """Where a relative path of this value starts."""
    is_text: bool = False
    """Whether the value could be given as text only, so that ``"12"`` may stand for 12."""


def given_by_table(table: Mapping[str, object], source: str, folder: Path) -> Iterator[Given]:
    """Yield what the sections of `table` give; what is no section is yielded whole, for `read_sections` to refuse."""
    for section, keys in table.items():
        if not isinstance(keys, dict) or not keys:
            yield Given(section, None, keys, f"{source}: {section}", folder)
            continue
        for key, value in keys.items():
            yield Given(section, key, value, f"{source}: {section}.{key}", folder)


def given_by_environment(environ: Mapping[str, str], folder: Path) -> Iterator[Given]:
    """Yield what variables give: ``TWOFOLD_LOG__SEGMENT_BYTES`` is ``segment_bytes`` in the section ``log``."""
    for name, value in sorted(environ.items()):
        if name.startswith(PREFIX):
            section, joined, key = name.removeprefix(PREFIX).lower().partition("__")
            yield Given(section, key if joined else None, value, name, folder, is_text=True)


def read_sections(type_: type[T], given: Iterable[Given], environ: Mapping[str, str]) -> T:
    """Return a `type_` of sections with all that was `given`; of two values for one setting the later one holds.

    Every value is checked, also one that does not hold in the end. What is not given has the struct's default.

    Raises:
        ConfigError: something given is unknown or no value for its setting; all of it is named.
    """
    sections = {x.name: x.type for x in msgspec.structs.fields(type_) if is_section(x.type)}
    known = {name: {x.name: x.type for x in msgspec.structs.fields(kind)} for name, kind in sections.items()}
    values: dict[str, dict[str, object]] = {name: {} for name in sections}
    problems: list[str] = []
    for one in given:
        try:
            if one.section in known and one.key is None and one.value == {}:
                continue
            key, kind = _setting(one, known)
            values[one.section][key] = _read_value(one, kind, environ)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    try:
        return type_(**{name: kind(**values[name]) for name, kind in sections.items()})
    except TwofoldError as error:  # a section whose settings do not fit together says so as it is made
        raise ConfigError(str(error)) from None


def is_section(kind: object) -> bool:
    """Tell whether a field of the type `kind` is a section of settings."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return how to go on where `name` is not one of `known`: the one that was probably meant, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(names)}."


def _setting(given: Given, known: Mapping[str, Mapping[str, Any]]) -> tuple[str, Any]:
    """Return the name and the type of the setting that a value is for."""
    if given.section not in known:
        hint = _right_place(given, known) or nearest(given.section, known)
        raise ConfigError(f"{given.source}: there is no section {given.section}. {hint}")
    settings = known[given.section]
    if given.key is None:
        example = f"{PREFIX}{given.section.upper()}__{next(iter(settings)).upper()}" if given.is_text else "below it"
        raise ConfigError(f"{given.source}: {given.section} is a section. Give its settings, {example}.")
    if given.key not in settings:
        hint = nearest(given.key, settings)
        raise ConfigError(f"{given.source}: there is no setting {given.key} in [{given.section}]. {hint}")
    return given.key, settings[given.key]


def _right_place(given: Given, known: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return where the setting belongs that stands in the place of a section, if it is one."""
    places = [(section, key) for section, settings in known.items() for key in settings]
    if given.is_text:
        meant = [f"{PREFIX}{s}__{key}".upper() for s, key in places if given.section == f"{s}_{key}"]
        return f"Did you mean {meant[0]}, with two underscores?" if meant else None
    sections = [f"[{section}]" for section, key in places if given.key is None and given.section == key]
    return f"{given.section} belongs below {' or '.join(sections)}." if sections else None


def _read_value(given: Given, kind: Any, environ: Mapping[str, str]) -> object:
    def decode(custom: type, value: object) -> object:
        if custom is Secret:
            return read_secret(value, environ, given.folder)
        if custom is Path:
            return given.folder / _path_text(value)
        raise TypeError(f"No setting can be a {custom.__qualname__}")

    try:
        value = _read_as_marked(given, kind, environ)
        return msgspec.convert(value, kind, strict=not given.is_text, dec_hook=decode)
    except (msgspec.ValidationError, ValueError, SecretError) as error:
        # The cause is left out: the message says all, on one line.
        raise ConfigError(f"{given.source}: {error}.") from None


def _read_as_marked(given: Given, kind: Any, environ: Mapping[str, str]) -> object:
    """Return a value read in the way that its annotation asks for: by a function, or as a reference to a secret."""
    marks = kind.__metadata__ if get_origin(kind) is Annotated else ()
    extra = next((mark.extra for mark in marks if isinstance(mark, Meta) and mark.extra), {})
    if extra.get("secret"):
        return read_secret(given.value, environ, given.folder).reveal()
    return extra["read"](given.value) if "read" in extra else given.value


def _path_text(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("Expected a path")
    return value
