"""The benchmark's own HTTP client: it keeps connections busy, one request at a time on each, and checks every answer.

It stands where wrk is not at hand, or where answers differ from each other, and shares the processors with the server
that it measures. So it does next to nothing: a bare loop over non-blocking sockets, requests written beforehand, and of
an answer no more than its length and statuses.
"""

import re
import select
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from .http_orders import ID_FORMAT, read_requests
from .measuring import Latencies, latencies, quiet_collector

__all__ = ["AnswersDiffer", "Check", "ClientRun", "drive", "run_own_client"]

SILENCE = 60.0
"""Seconds without any answer after which the server is given up."""
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
GOOD = b'"status":20'
"""Stands once in the answer to each order that was taken."""


Check: TypeAlias = Callable[[bytes], int]
"""Returns how many orders an answer says were taken, or raises `AnswersDiffer`."""


class AnswersDiffer(Exception):
    """A server did not take every order, so that its time says nothing."""


class ClientRun(Struct, frozen=True):
    """What a client saw."""

    orders: int
    """Those that were taken."""
    requests: int
    """Those that were answered."""
    began: int
    """When the first request was sent: nanoseconds of the machine's monotonic clock, which all processes share."""
    seconds: float
    """Until the last answer."""
    cpu_seconds: float
    """Of the client's own."""
    latencies: Latencies
    """Of requests."""


def run_own_client(file: Path, port: int, connections: int, seconds: float, orders: int) -> ClientRun:
    """Send the requests in `file`, of so many `orders` each, for so many seconds, and wait for the last answers.

    Raises:
        AnswersDiffer: one says something else than that all orders of its request were taken.
    """
    return drive(file, port, connections, seconds, partial(all_taken, orders))


def all_taken(orders: int, answer: bytes) -> int:
    """Return `orders`, if the answer says of all of them that they were taken."""
    if answer.count(GOOD) != orders:
        raise AnswersDiffer(f"A request of {orders} orders was answered {answer[:2000]!r}.")
    return orders


def drive(file: Path, port: int, connections: int, seconds: float, check: Check, first: int = 1) -> ClientRun:
    """Send the requests in `file` for so many seconds, and wait for the last answers, which `check` looks at.

    Orders have ids from `first` on.
    """
    requests = cycle(read_requests(file))
    numbers = count(first)
    waits: list[int] = []
    taken = 0
    now = time.perf_counter_ns

    def next_request() -> bytes:
        first, *pieces = next(requests)
        return b"".join((first, *(part for piece in pieces for part in (ID_FORMAT % next(numbers), piece))))

    with ExitStack() as stack:
        stack.enter_context(quiet_collector())
        poll = stack.enter_context(select.epoll())
        open_ones = {each.file: each for each in (Connection(port, poll, stack) for _ in range(connections))}
        cpu_before, began = time.process_time_ns(), now()
        deadline = began + int(seconds * 1e9)
        for connection in open_ones.values():
            connection.send(next_request())
        while open_ones:
            events = poll.poll(SILENCE)
            if not events:
                raise AnswersDiffer(f"Nothing was answered for {SILENCE:g} s, on {len(open_ones)} connections.")
            for number, event in events:
                connection = open_ones[number]
                if event & select.EPOLLOUT:
                    connection.send_rest()
                if event & ~select.EPOLLOUT and connection.receive():
                    ended = now()
                    waits.append(ended - connection.began)
                    taken += check(connection.answer)
                    if ended < deadline:
                        connection.send(next_request())
                    else:
                        poll.unregister(number)
                        del open_ones[number]
        cpu = time.process_time_ns() - cpu_before
    return ClientRun(taken, len(waits), began, (ended - began) / 1e9, cpu / 1e9, latencies(waits))


class Connection:
    """One connection: the rest of a request on its way out, and the answer as far as it has come in."""

    def __init__(self, port: int, poll: select.epoll, stack: ExitStack) -> None:
        self._socket = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._poll = poll
        self._rest = memoryview(b"")
        self._answer = bytearray()
        self.began = 0
        self.file = self._socket.fileno()
        poll.register(self.file, select.EPOLLIN)

    def send(self, request: bytes) -> None:
        """Begin a request; what does not fit goes out when there is room, while the answer may come in already."""
        self._answer.clear()
        self.began = time.perf_counter_ns()
        sent = self._socket.send(request)
        if sent < len(request):
            self._rest = memoryview(request)[sent:]
            self._poll.modify(self.file, select.EPOLLIN | select.EPOLLOUT)

    def send_rest(self) -> None:
        """Send as much more as there is room for."""
        self._rest = self._rest[self._socket.send(self._rest) :]
        if not self._rest:
            self._poll.modify(self.file, select.EPOLLIN)

    def receive(self) -> bool:
        """Take what has come, and tell whether the answer is whole."""
        block = self._socket.recv(1 << 18)
        if not block:
            raise AnswersDiffer(f"The server closed a connection after {bytes(self._answer)!r}.")
        self._answer += block
        end = self._answer.find(b"\r\n\r\n")
        if end < 0:
            return False
        length = LENGTH.search(self._answer, 0, end)
        if length is not None:
            return len(self._answer) == end + 4 + int(length[1])
        return self._answer.endswith(b"\r\n0\r\n\r\n")

    @property
    def answer(self) -> bytes:
        """The whole answer."""
        return bytes(self._answer)
