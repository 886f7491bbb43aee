"""What to try next, once a server runs: lines that can be pasted into a shell, made from the domain itself."""

import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import msgspec

from ...actors.definitions import CommandDefinition, Domain, QueryDefinition
from ..app import App
from ..config import Config
from .samples import NoSample, sample_of

__all__ = ["first_steps", "tell_first_steps"]


def tell_first_steps(app: App, config: Config, url: str) -> None:
    """Tell a person that `app` is served at `url`, how to end that, and what to try meanwhile."""
    click.echo(f"\nTwofold {version('twofold')} serves {app.name} on {url}, from the data in {config.data.dir}.")
    click.echo("Stop it with Ctrl-C. In another terminal, try:\n")
    for line in first_steps(app.domain(), url, _status_command(config)):
        click.echo(f"  {line}")
    click.echo()


def first_steps(domain: Domain, url: str, status_command: str) -> Iterator[str]:
    """Yield lines for a shell: a command of the domain's, what becomes of it, a query, and how things stand."""
    sample = next(_samples(domain), None)
    if sample is not None:
        command, data = sample
        key = str(data[command.key])
        body = json.dumps(data, ensure_ascii=False)
        yield (
            f"curl -X POST '{url}/commands/{command.name}?wait=projected' -H 'Content-Type: application/json' "
            f"-H 'Idempotency-Key: first-step' -d {shlex.quote(body)}"
        )
        yield f"curl {url}/outcomes/first-step"
        yield f"curl {url}/streams/{command.decider.category}-{key}"
    plain = next((name for name, query in domain.queries.items() if not _needs_parameters(query)), None)
    if plain is not None:
        yield f"curl {url}/queries/{plain}"
    yield f"curl {url}/readyz"
    yield status_command


def _samples(domain: Domain) -> Iterator[tuple[CommandDefinition, dict[str, object]]]:
    """Yield the commands of which something can be made up, with that."""
    for command in domain.commands.values():
        try:
            yield command, sample_of(command.type)
        except NoSample:
            continue


def _needs_parameters(query: QueryDefinition) -> bool:
    return any(field.required for field in msgspec.structs.fields(query.parameters))


def _status_command(config: Config) -> str:
    """Return the command that shows how things stand in this data folder, from the working directory."""
    command = [_program(), "status"]
    if config.file is not None and config.file != Path("config.toml").absolute():
        command += ["--config", str(config.file)]
    if config.data.dir != Path("data").absolute():
        command += ["--data", str(config.data.dir)]
    return shlex.join(command)


def _program() -> str:
    """Return how a shell in the working directory finds this program, whether its environment is active or not."""
    program, here = Path(sys.argv[0]).absolute(), Path.cwd()
    found = shutil.which(program.name)
    if found is not None and program.samefile(found):
        return program.name
    return str(program.relative_to(here) if program.is_relative_to(here) else program)
