"""An answer in JSON."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

__all__ = ["answer_json"]


def answer_json(found: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `found` as JSON."""
    return Response(msgspec.json.encode(found), status, headers, "application/json")
