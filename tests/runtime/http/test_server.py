"""How the server is made: what would show only as slowness is asserted where it is decided."""

import inspect
import socket

import pytest
import uvicorn
from twofold.runtime.config import HttpSettings
from twofold.runtime.http.server import bind
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_its_socket_names_tcp_so_that_asyncio_sends_each_answer_at_once(host: str) -> None:
    with bind(HttpSettings(host=host, port=0)) as bound:
        assert bound.proto == socket.IPPROTO_TCP


def test_the_internals_of_uvicorn_that_a_connection_uses_are_there() -> None:
    made = inspect.getsource(HttpToolsProtocol.__init__) + inspect.getsource(HttpToolsProtocol.connection_made)
    for attribute in ("flow", "parser", "cycle", "pipeline", "connections", "transport", "loop", "timeout_keep_alive"):
        assert f"self.{attribute} " in made or f"self.{attribute}:" in made, attribute
    for callback in ("on_message_begin", "on_header", "on_body", "on_headers_complete", "on_message_complete"):
        assert callable(getattr(HttpToolsProtocol, callback)), callback
    for method in ("_unset_keepalive_if_required", "timeout_keep_alive_handler", "send_400_response"):
        assert callable(getattr(HttpToolsProtocol, method)), method
    assert "self.headers.append(" in inspect.getsource(HttpToolsProtocol.on_header)
    assert "except httptools.HttpParserError" in inspect.getsource(HttpToolsProtocol.data_received)
    assert "self.pipeline.appendleft(" in inspect.getsource(HttpToolsProtocol.on_headers_complete)
    assert "self.flow.resume_reading()" in inspect.getsource(HttpToolsProtocol.on_response_complete)
    assert {"response_started", "response_complete"} <= set(RequestResponseCycle.__init__.__code__.co_names)
    assert "self.should_exit" in inspect.getsource(uvicorn.Server.on_tick)
    assert callable(uvicorn.Server.capture_signals)
    assert len(STATUS_LINE[503]) > 0
