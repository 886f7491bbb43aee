"""How the server is made: what would show only as slowness is asserted where it is decided."""

import asyncio
import inspect
import re
import socket

import pytest
import uvicorn
from twofold.runtime.config import HttpSettings
from twofold.runtime.http.direct import CommandCycle
from twofold.runtime.http.server import bind
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_its_socket_names_tcp_so_that_asyncio_sends_each_answer_at_once(host: str) -> None:
    with bind(HttpSettings(host=host, port=0)) as bound:
        assert bound.proto == socket.IPPROTO_TCP


FOR_LONG = ("connections", "flow", "loop", "parser", "pipeline", "server_state", "tasks", "transport")
FOR_A_REQUEST = ("cycle", "expect_100_continue", "headers", "timeout_keep_alive", "timeout_keep_alive_task")


def test_all_that_uvicorn_asks_of_a_cycle_is_there_while_a_command_is_answered() -> None:
    asked = set(re.findall(r"self\.cycle\.(\w+)", inspect.getsource(HttpToolsProtocol)))
    of_a_body_that_is_still_to_come = {"more_body"}
    assert asked - of_a_body_that_is_still_to_come <= set(dir(CommandCycle))


def test_the_internals_of_uvicorn_that_a_connection_uses_are_there() -> None:
    made = inspect.getsource(HttpToolsProtocol.__init__) + inspect.getsource(HttpToolsProtocol.connection_made)
    for attribute in (*FOR_LONG, *FOR_A_REQUEST):
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
    assert {"write_paused", "drain", "resume_reading"} <= set(dir(FlowControl(asyncio.Transport())))
    assert "default_headers" in vars(uvicorn.server.ServerState())
