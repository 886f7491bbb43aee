"""How the server is made: what would show only as slowness is asserted where it is decided."""

import socket

import pytest
from twofold.runtime.config import HttpSettings
from twofold.runtime.http.server import bind

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_its_socket_names_tcp_so_that_asyncio_sends_each_answer_at_once(host: str) -> None:
    with bind(HttpSettings(host=host, port=0)) as bound:
        assert bound.proto == socket.IPPROTO_TCP
