"""A read database of one table, and questions about it."""

from collections.abc import Awaitable, Callable

from twofold.stores.protocols import ReadDb
from twofold.stores.records import ProjectionSchema

QUERY_TIMEOUT = 0.3
ORDERS = ProjectionSchema(
    "orders",
    1,
    "CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL); CREATE INDEX total ON orders(total)",
)
INSERT = "INSERT INTO orders VALUES (?, ?)"


def asking(sql: str, *parameters: str | int) -> Callable[[ReadDb], Awaitable[object]]:
    async def ask(db: ReadDb) -> object:
        return await db.rows(sql, *parameters)

    return ask


ALL_ORDERS = asking("SELECT id, total FROM orders ORDER BY id")
