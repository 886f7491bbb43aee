"""Asking the read database: a query by its name, with typed parameters, on one snapshot."""

import traceback
from collections.abc import Mapping

import msgspec

from ..actors.definitions import Domain, QueryDefinition
from ..actors.domain import Answer
from ..actors.projector import told_outside
from ..stores.errors import TwofoldError
from ..stores.protocols import ReadDb, ReadStore
from ..stores.records import Position

__all__ = ["BadParameters", "NotProjected", "ProjectorHalted", "QueryFailed", "Rebuilding", "UnknownQuery", "ask"]


class UnknownQuery(TwofoldError):
    """No query of that name is registered."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name, self.known = name, known
        super().__init__(f"No query is called {name!r}. There are: {', '.join(known) or 'none'}.")


class BadParameters(TwofoldError):
    """A query got parameters that it does not take."""

    def __init__(self, query: QueryDefinition, what: str) -> None:
        self.query, self.what = query.name, what
        takes = ", ".join(field.name for field in msgspec.structs.fields(query.parameters)) or "nothing"
        super().__init__(f"{query.name}: {what}. It takes {takes}.")


class QueryFailed(TwofoldError):
    """The function of a query raised something of its own, which is the cause."""

    def __init__(self, query: str, cause: Exception) -> None:
        self.query, self.cause = query, cause
        place = traceback.extract_tb(cause.__traceback__)[-1]
        super().__init__(
            f"The query {query} failed: {type(cause).__name__}: {cause} ({place.filename}, line {place.lineno})."
        )


class NotProjected(TwofoldError):
    """The read database did not reach the position that was asked for in time."""

    def __init__(self, wanted: Position, reached: Position) -> None:
        self.wanted, self.reached = wanted, reached
        super().__init__(f"The read database is at position {reached}, not yet at {wanted}. Ask again in a moment.")


class Rebuilding(TwofoldError):
    """The read database is filled anew, because its projections changed or its file was damaged."""

    def __init__(self, done: Position, total: Position) -> None:
        self.done, self.total = done, total
        super().__init__(
            f"The read database is being rebuilt, {done} events of {total} are done. "
            "Commands go on meanwhile; ask again once it is done."
        )


class ProjectorHalted(TwofoldError):
    """The read database stands still, because a projection failed."""

    def __init__(self, reached: Position, cause: object) -> None:
        self.reached, self.cause = reached, cause
        super().__init__(self._say(cause))

    @property
    def outside(self) -> str:
        """What is told to those who are not to know what the cause says."""
        return self._say(told_outside(self.cause))

    def _say(self, cause: object) -> str:
        return f"The read database stands at position {self.reached}: {cause}"


async def ask(
    domain: Domain, store: ReadStore, name: str, parameters: Mapping[str, object], *, strict: bool = True
) -> Answer:
    """Run the query `name`. Unless `strict`, text is read as the type that a parameter has.

    Raises:
        UnknownQuery, BadParameters: the question makes no sense.
        QueryTimeout, StatementFailed, ForeignAwait: it could not be answered.
        QueryFailed: its function raised.
    """
    query = domain.queries.get(name)
    if query is None:
        raise UnknownQuery(name, sorted(domain.queries))
    try:
        typed = msgspec.convert(dict(parameters), query.parameters, strict=strict)
    except msgspec.ValidationError as error:
        raise BadParameters(query, str(error).replace("`$.", "`").replace("field `", "parameter `")) from None
    arguments = {field: getattr(typed, field) for field in query.parameters.__struct_fields__}

    for field, value in arguments.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise BadParameters(query, f"`{field}` does not fit into 64 bits")

    async def asked(db: ReadDb) -> object:
        return await query.call(db, **arguments)

    asked.__qualname__ = name  # by which the errors of the store call it
    try:
        snapshot = await store.query(asked)
    except TwofoldError:
        raise
    except Exception as error:
        raise QueryFailed(name, error) from error
    return Answer(snapshot.value, snapshot.position)
