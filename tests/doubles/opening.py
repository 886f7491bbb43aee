"""Requests that open an account, byte for byte."""

from tests.doubles.raw_http import request

ADA = b'{"account":"1","owner":"Ada"}'
MEASURED = f"Content-Length: {len(ADA)}"


def opening(*headers: str, body: bytes = b"", query: str = "") -> bytes:
    return request(f"POST /commands/account.open{query}", "Content-Type: application/json", *headers, body=body)
