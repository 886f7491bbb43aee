"""One page of what is asked for: so much of it as one answer may hold, and the link to the rest."""

from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw
from starlette.requests import Request

__all__ = ["PAGE_BYTES", "Page", "link"]

PAGE_BYTES = 4 << 20
"""The most bytes of a page, unless its one item has more."""

encode = msgspec.json.Encoder().encode


class Page:
    """Items as JSON, as many as fit."""

    def __init__(self) -> None:
        self.items: list[Raw] = []
        self._size = 0

    def add(self, item: object) -> bool:
        """Add `item`, and return whether it had room; the first one always has."""
        encoded = encode(item)
        if self.items and self._size + len(encoded) > PAGE_BYTES:
            return False
        self.items.append(Raw(encoded))
        self._size += len(encoded)
        return True


def link(request: Request, **changed: str) -> str:
    """Return where the same is asked for on this server, but for the parameters that have `changed`."""
    return f"{quote(request.scope['path'])}?{urlencode({**request.query_params, **changed})}"
