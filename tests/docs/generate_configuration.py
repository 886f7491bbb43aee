"""Writes docs/configuration.md and config.toml from the settings' types: `python -m tests.docs.generate_configuration`.

What a setting means stands once, in the docstring below its field in `runtime/config.py` and the modules that it
imports; what it may be and its default stand in the same line of code. A test fails while the files say otherwise.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from twofold.actors.quantities import read_duration, read_size
from twofold.runtime.config import Config
from twofold.runtime.settings import PREFIX, is_section

REPOSITORY = Path(__file__).parents[2]
OF_THIS_REPOSITORY = {"domain": '"examples.shop.domain:app"'}
"""What config.toml sets, so that the example runs in a clone."""
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
SIZES = {"TiB": 1 << 40, "GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10}

PAGE = """\
# Configuration

<!-- Written by `python -m tests.docs.generate_configuration`, from the settings' types. Change those, and run it. -->

Every setting has a default, so that `config.toml` holds what differs: as a rule `[app] domain` and `[data] dir`.
[config.toml](../config.toml) lists them all. `twofold check` says what is wrong, all of it at once, and starts nothing.

## Where a value comes from

The later one holds: the default, `config.toml`, the environment, an option of the command line (`--data`).

- The file is that of `--config`, or `config.toml` in the working directory. A relative path in it starts from the
  file's folder; any other path starts from the working directory.
- A variable is called `TWOFOLD_<SECTION>__<SETTING>`, with two underscores between: `TWOFOLD_DATA__DIR=/var/lib/shop`.
- What is not known is refused, with the name that was probably meant. A variable that begins with `TWOFOLD_` and is no
  setting is refused too.
- Settings are read at the start. Restart the process after a change.

## How a value is written

| kind | written as |
| --- | --- |
| duration | a number and `ms`, `s`, `m`, `h` or `d`, without a space: `"250ms"`, `"1.5s"`, `"7d"`; no bare number |
| size | a number of bytes, or a text with `B`, `KiB`, `MiB`, `GiB` or `TiB`: `4096`, `"64MiB"`; `MB` is refused |
| number, text, path | as TOML has them; in the environment plain: `TWOFOLD_QUERIES__READERS=4` |
| secret | where it is, and never the secret itself (below); in the file only |

### Secrets

A password or a token is kept where only its owner can read it, and the setting says where that is:

```toml
password = { env = "SMTP_PASSWORD" }         # a variable of the environment
password = { file = "smtp-password" }        # a file of mode 0600, from the folder of config.toml
password = { credential = "smtp-password" }  # a credential that systemd passes: LoadCredential=smtp-password:…
```

Its value is in no log, no error and no database. It is read at the start: after it was changed, restart the process.

"""

HEAD = f"""\
# The settings of a deployment. A line that is commented out shows the default; one that is indented besides shows an
# example of what has none.
#
# Every setting can also come from the environment, as {PREFIX}<SECTION>__<SETTING> ({PREFIX}DATA__DIR=/var/lib/shop),
# and that wins over this file. Durations are "250ms", "1s", "5m", "1h", "7d"; sizes are bytes, or "64MiB".
# A relative path starts from this file's folder. What is not known here is refused.
#
# docs/configuration.md says all of this in a table. `python -m tests.docs.generate_configuration` writes both.
"""


class Setting(NamedTuple):
    """A setting as its field says it."""

    section: str
    name: str
    kind: Any
    bounds: dict[str, float]
    default: object
    examples: list[Any]
    meaning: str
    read: Any
    is_secret: bool

    @property
    def variable(self) -> str:
        """The variable that gives it."""
        return f"{PREFIX}{self.section}__{self.name}".upper()

    def written(self, value: Any) -> str:
        """Return `value` as config.toml has it."""
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key} = {self.written(each)}" for key, each in value.items()) + " }"
        if self.read in (read_duration, read_size):
            return f'"{_quantity(self.read, value)}"' if value else "0" if self.read is read_size else '"0s"'
        return str(value) if isinstance(value, int | float) else f'"{value}"'

    def allowed(self) -> str:
        """Return what it may be, in words."""
        if self.is_secret:
            return "secret"
        if get_origin(self.kind) is Literal:
            return " or ".join(f"`{choice}`" for choice in get_args(self.kind))
        read = self.read
        words = {read_duration: "duration", read_size: "size"}.get(read)
        words = words or {str: "text", Path: "path", int: "whole number", float: "number"}[self.kind]
        shown = {
            name: _quantity(read, bound) if read and bound else f"{bound:,}" for name, bound in self.bounds.items()
        }
        if "gt" in shown:
            words += f" above {shown['gt']}"
        if "ge" in shown:
            words += f" from {shown['ge']}"
        return f"{words} up to {shown['le']}" if "le" in shown else words


def sections() -> Iterator[tuple[str, str, list[Setting]]]:
    """Yield each section: its name, what it is about, and its settings."""
    for field in msgspec.structs.fields(Config):
        if is_section(field.type):
            about = inspect.cleandoc(field.type.__doc__ or "").partition("\n\nRaises:")[0]
            yield field.name, _plain(about), list(_settings(field.name, field.type))


def _settings(section: str, kind: type[Struct]) -> Iterator[Setting]:
    meanings = dict(_docstrings(kind))
    for field in msgspec.structs.fields(kind):
        if field.name not in meanings:
            raise LookupError(f"[{section}] {field.name} has no text below its field. Write there what it means.")
        marks: list[Meta] = []
        bare = _unwrapped(field.type, marks)
        bounds = {
            name: bound for mark in marks for name in ("gt", "ge", "le") if (bound := getattr(mark, name)) is not None
        }
        extra = {key: value for mark in marks for key, value in (mark.extra or {}).items()}
        examples = [example for mark in marks for example in mark.examples or ()]
        yield Setting(
            section,
            field.name,
            bare,
            bounds,
            field.default,
            examples,
            _plain(meanings[field.name]),
            extra.get("read"),
            bool(extra.get("secret")),
        )


def _unwrapped(kind: Any, marks: list[Meta]) -> Any:
    """Return the type below annotations and "or none", and add what they say to `marks`."""
    if get_origin(kind) is Annotated:
        marks += kind.__metadata__
        return _unwrapped(kind.__origin__, marks)
    if type(None) in get_args(kind):
        return _unwrapped(next(each for each in get_args(kind) if each is not type(None)), marks)
    return kind


def _docstrings(kind: type[Struct]) -> Iterator[tuple[str, str]]:
    """Yield the text that stands below each field of a class."""
    source = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = next(node.body for node in ast.walk(source) if isinstance(node, ast.ClassDef))
    for pair in pairwise(body):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _quantity(read: Any, value: float) -> str:
    """Return a duration or a size in the largest unit that divides it."""
    if read is read_duration and value < 1:
        return f"{round(value * 1000)}ms"
    units = UNITS if read is read_duration else SIZES
    return next((f"{int(value // size)}{unit}" for unit, size in units.items() if value % size == 0), f"{int(value)}")


def page() -> str:
    """Return the text of docs/configuration.md."""
    parts = [PAGE]
    for name, about, settings in sections():
        parts.append(f"## `[{name}]`\n\n{about}\n\n| setting | what it may be | default | what it means |\n")
        parts.append("| --- | --- | --- | --- |\n")
        for each in settings:
            default = "none" if each.default in (None, "") else f"`{each.written(each.default)}`"
            variable = "" if each.is_secret else f"<br>`{each.variable}`"
            parts.append(f"| `{each.name}`{variable} | {each.allowed()} | {default} | {each.meaning} |\n")
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def config_toml() -> str:
    """Return the text of config.toml."""
    lines = [HEAD.rstrip("\n")]
    for name, about, settings in sections():
        lines += ["", f"# {about}", f"[{name}]"]
        for each in settings:
            lines += textwrap.wrap(each.meaning, 118, initial_indent="# ", subsequent_indent="# ")
            if each.name in OF_THIS_REPOSITORY:
                lines.append(f"{each.name} = {OF_THIS_REPOSITORY[each.name]}")
            elif each.default in (None, "") and not each.examples:
                raise LookupError(f"[{name}] {each.name} has no default. Show one: Annotated[…, Meta(examples=[…])].")
            elif each.default in (None, ""):
                lines.append(f"#   {each.name} = {each.written(each.examples[0])}")
            else:
                lines.append(f"# {each.name} = {each.written(each.default)}")
    return "\n".join(lines) + "\n"


WRITTEN = {REPOSITORY / "docs" / "configuration.md": page, REPOSITORY / "config.toml": config_toml}


if __name__ == "__main__":
    for file, text in WRITTEN.items():
        file.write_text(text(), encoding="utf-8")
