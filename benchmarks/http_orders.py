"""Requests that place orders of ten lines, each order a new one, as every client of the benchmark sends them.

They are written down once, whole, with a mark where an order's id goes, so that a client only puts numbers in: its
time is taken from the same processors. Ids have a fixed width, so that a request's length is known.
"""

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from .shop_mix import draw_orders

__all__ = ["END_MARK", "ID_FORMAT", "Way", "orders_of", "read_requests", "write_requests"]

Way: TypeAlias = Literal["accepted", "handled", "stream"]
"""One order a request that waits until it is accepted or handled; or a row of them that are accepted."""

PATHS: dict[Way, str] = {
    "accepted": "/commands/order.place?wait=accepted",
    "handled": "/commands/order.place?wait=handled",
    "stream": "/commands?wait=accepted",
}
ORDERS = 4_000
"""Different ones; then they come again, under other ids."""
LINES = 10
STREAM = 500
"""Orders of a request that is a row of them."""
ID_FORMAT = b"%012d"
ID_MARK, END_MARK = b"\2", b"\1"
"""Where an id goes, and where a request ends: neither is to be found in HTTP or JSON."""


def orders_of(way: Way) -> int:
    """Return how many orders a request has."""
    return STREAM if way == "stream" else 1


def write_requests(file: Path, way: Way, port: int, seed: int) -> None:
    """Write requests for the server at `port` of this machine."""
    placeholder = "?" * len(ID_FORMAT % 0)
    orders = [
        msgspec.json.encode(msgspec.structs.replace(order, order_id=placeholder))
        for order in draw_orders(ORDERS, seed, LINES)
    ]
    if way == "stream":
        lines = [b'{"type":"order.place","data":%b}\n' % order for order in orders]
        bodies = [b"".join(lines[first : first + STREAM]) for first in range(0, ORDERS, STREAM)]
    else:
        bodies = orders
    media_type = "application/x-ndjson" if way == "stream" else "application/json"
    head = f"POST {PATHS[way]} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {media_type}\r\n"
    requests = (f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies)
    file.write_bytes(END_MARK.join(requests).replace(placeholder.encode(), ID_MARK))


def read_requests(file: Path) -> list[list[bytes]]:
    """Return the requests in `file`, each in the pieces between which the ids go."""
    return [request.split(ID_MARK) for request in file.read_bytes().split(END_MARK)]
