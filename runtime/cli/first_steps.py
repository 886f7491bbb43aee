"""What to try next, once a server runs: lines that can be pasted into a shell, made from the domain itself."""

import json
import shlex
from collections.abc import Iterator

import msgspec

from ...actors.definitions import CommandDefinition, Domain, QueryDefinition
from .samples import NoSample, sample_of

__all__ = ["first_steps"]


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
