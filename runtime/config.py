"""The settings of a deployment: what there is to set, its defaults and bounds, and where a value may come from.

Defaults < ``config.toml`` < the environment < what is passed explicitly. A relative path in the file starts from the
file's folder, any other from the working directory. Durations are kept in seconds and sizes in bytes.
"""

import importlib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from ..actors.cdn_settings import CdnSettings, InvalidCdnSettings, check_cdn_settings
from ..actors.mail_settings import MailSettings
from ..actors.quantities import read_duration, read_size
from ..stores.errors import TwofoldError
from .addresses import read_loopback
from .settings import ConfigError, Given, given_by_environment, given_by_table, nearest, read_sections

__all__ = [
    "AppSettings",
    "Config",
    "ConfigError",
    "DataSettings",
    "DomainFailed",
    "HandlerSettings",
    "HttpSettings",
    "LogSettings",
    "ProjectorSettings",
    "QuerySettings",
    "SupervisionSettings",
    "ValidatorSettings",
    "load_domain",
]

T = TypeVar("T")

Duration: TypeAlias = Annotated[float, Meta(gt=0, le=366 * 86400, extra={"read": read_duration})]
SegmentSize: TypeAlias = Annotated[int, Meta(ge=4096, le=1 << 31, extra={"read": read_size})]
Size: TypeAlias = Annotated[int, Meta(ge=0, le=1 << 50, extra={"read": read_size})]
Age: TypeAlias = Annotated[float, Meta(ge=0, le=100 * 366 * 86400, extra={"read": read_duration})]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=10_000_000)]
Connections: TypeAlias = Annotated[int, Meta(ge=1, le=64)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65_535)]
Host: TypeAlias = Annotated[str, Meta(extra={"read": read_loopback})]


class DomainFailed(ConfigError):
    """The domain's module raised while it was imported; the cause tells where."""

    def __init__(self, domain: str, error: Exception) -> None:
        self.domain, self.error = domain, error
        super().__init__(f'app.domain = "{domain}" cannot be imported: {type(error).__name__}: {error}. Mend it.')


class AppSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which domain runs."""

    domain: str | None = None
    """The App, as ``module:attribute``; the module is found from the folder of this file."""


class DataSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where everything that lasts is kept."""

    dir: Path = Path("data")
    """The folder of everything that lasts. One process at a time has it open."""


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The command log. A handled segment is deleted once it is past both retentions."""

    segment_bytes: SegmentSize = 64 << 20
    """A segment file is closed, and the next one begun, at this size."""
    retain_bytes: Size = 1 << 30
    """Handled segments are kept for as long as the log is no larger than this, whatever their age."""
    retain_age: Age = 7 * 86400.0
    """Handled segments are kept for as long as they are no older than this, whatever the size of the log."""


class ValidatorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How commands are admitted."""

    mailbox: Count = 4096
    """How many submitted commands may wait to be admitted; more are refused as ``Overloaded``."""
    batch: Count = 1024
    """How many commands are logged as one batch, with one ``fdatasync``."""
    timeout: Duration = 1.0
    """How long the domain's validators may take for one command; past that it is refused as ``ValidatorTimeout``."""
    max_unhandled: Count = 100_000
    """How many commands may be logged and not yet handled; more are refused as ``Overloaded``."""


class HandlerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How commands are handled."""

    batch: Count = 1024
    """How many commands are handled in one transaction."""
    cached_states: Count = 10_000
    """How many current states are kept in memory."""


class ProjectorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How events are projected."""

    batch: Count = 1024
    """How many events are projected in one transaction."""


class EffectSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How effects are entered into their ledger, and how long it keeps them."""

    batch: Count = 1024
    """How many events have their effects entered into the ledger in one transaction."""
    keep_done: Duration = 30 * 86400.0
    """How long the ledger keeps what is done."""


class QuerySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the read database is asked."""

    readers: Connections = 2
    """How many queries run at the same time, each on a connection of its own."""
    timeout: Duration = 5.0
    """How long a query may hold its snapshot."""


class HttpSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where `twofold run` listens, and how much may be under way at once."""

    host: Host = "127.0.0.1"
    """An address of this machine itself. Others are refused, since nobody is asked who they are."""
    port: Port = 8080
    """0 takes one that is free, and says which."""
    connections: Count = 1024
    """How many connections may be open at the same time; one more is answered 503."""
    request_timeout: Duration = 30.0
    """How long the head of a request may take to come, and then its body."""


class SupervisionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How often and how fast a failed actor is replaced."""

    backoff_first: Duration = 0.1
    """A failed actor is replaced after this time, which doubles while it goes on failing."""
    backoff_longest: Duration = 5.0
    """The time after which a failed actor is replaced never grows past this."""
    restarts: Count = 5
    """After more restarts than this within ``within`` a core role ends the process, and another one is halted."""
    within: Duration = 60.0
    """The time in which restarts are counted."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. `Config()` has the defaults and keeps its data below the working directory."""

    app: AppSettings = AppSettings()
    data: DataSettings = DataSettings()
    log: LogSettings = LogSettings()
    validator: ValidatorSettings = ValidatorSettings()
    handler: HandlerSettings = HandlerSettings()
    projector: ProjectorSettings = ProjectorSettings()
    effects: EffectSettings = EffectSettings()
    mail: MailSettings = MailSettings()
    cdn: CdnSettings = CdnSettings()
    queries: QuerySettings = QuerySettings()
    http: HttpSettings = HttpSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    file: Path | None = None
    """The file that was read, if there was one."""
    folder: Path = Path()
    """The file's folder, or the working directory: where the domain's module is found."""

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> "Config":
        """Read the settings from the file at `path`, from the environment and from `overrides`, the strongest.

        Without a `path` it is ``config.toml`` in the working directory, where there is one. `environ` is the process's
        own unless given. `overrides` names a setting by its path, ``data.dir``; one that is ``None`` was not given.

        Raises:
            ConfigError: the file cannot be read, or holds what is no setting; all that is wrong is named.
        """
        environ = os.environ if environ is None else environ
        here = Path.cwd()
        file = _find(path, here)
        folder = here if file is None else file.parent
        given = [Given("data", "dir", "data", "the default", folder)]
        if file is not None:
            given += given_by_table(_read_toml(file), str(file), folder)
        given += given_by_environment(environ, here)
        given += _given_explicitly(overrides or {}, here)
        config = msgspec.structs.replace(read_sections(cls, given, environ), file=file, folder=folder)
        if config.supervision.backoff_first > config.supervision.backoff_longest:
            raise ConfigError("supervision.backoff_first is longer than supervision.backoff_longest. Swap them.")
        try:
            check_cdn_settings(config.cdn)
        except InvalidCdnSettings as error:
            raise ConfigError(*error.problems) from None
        return config


def load_domain(config: Config, kind: type[T]) -> T:
    """Import the App that ``[app] domain`` names and return it.

    `kind` is what it must be: the class `App`. The settings' folder is on `sys.path` while the module is imported, and
    no longer: a module that the domain needs must be imported at its top.

    Raises:
        RegistrationError: the domain registers what cannot work.
        DomainFailed: its module raised something else while it was imported.
        ConfigError: no domain is set, its module or attribute is not there, or the attribute is something else.
    """
    named = config.app.domain
    if named is None:
        where = f"{config.file} names no domain" if config.file else f"There is no config.toml in {config.folder}"
        raise ConfigError(f'{where}. Write one with these two lines:\n[app]\ndomain = "module:attribute"')
    module_name, _, attribute = named.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), attribute)):
        raise ConfigError(f'app.domain = "{named}" has not the form "module:attribute", as in "shop.domain:app".')
    with _importable_from(config.folder):
        module = _import(module_name, named, config.folder)
    found = getattr(module, attribute, None)
    if isinstance(found, kind):
        return found
    apps = [name for name, value in vars(module).items() if isinstance(value, kind)]
    hint = nearest(attribute, apps) if apps else f"No {kind.__name__} is in it; make one: app = {kind.__name__}(…)."
    what = (
        f"is of the type {type(found).__name__}, and not {kind.__name__}"
        if hasattr(module, attribute)
        else "is not there"
    )
    raise ConfigError(f'app.domain = "{named}": {attribute} in {module_name} {what}. {hint}')


def _find(path: Path | str | None, here: Path) -> Path | None:
    if path is not None:
        return here / path
    file = here / "config.toml"
    return file if file.exists() else None


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigError(f"{file} is no TOML: {error}.") from error


def _given_explicitly(overrides: Mapping[str, object], here: Path) -> Iterator[Given]:
    for path, value in overrides.items():
        section, joined, key = path.partition(".")
        if value is not None:
            yield Given(section, key if joined else None, value, f"{path}, as passed", here)


def _import(name: str, named: str, folder: Path) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only the module itself or a package on the way to it: another one is missing in the domain's own code.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise DomainFailed(named, error) from error
        then = "Leave out the .py" if name.endswith(".py") else "Correct the name, or install the module"
        raise ConfigError(
            f'app.domain = "{named}": there is no module {error.name}, neither in {folder} nor among the installed '
            f"ones. {then}."
        ) from error
    except TwofoldError:
        raise
    except Exception as error:
        raise DomainFailed(named, error) from error


@contextmanager
def _importable_from(folder: Path) -> Iterator[None]:
    entry = str(folder.absolute())
    importlib.invalidate_caches()
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)
