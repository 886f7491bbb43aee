"""The header fields of a request."""

import re
from collections.abc import Iterable
from typing import Self

from starlette.types import Scope

from .problems import MALFORMED, UNSUPPORTED, ProblemFound

__all__ = ["Fields"]


class Fields:
    """The header fields of one request, by name.

    A table of them is made once, where Starlette's own class walks over all fields for each that is asked for.
    """

    __slots__ = ("_by_name", "_given")

    def __init__(self, given: Iterable[tuple[bytes, bytes]]) -> None:
        """Know the fields that were `given`, whose names are in lower case."""
        self._given = list(given)
        self._by_name = dict(self._given)

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """Return the fields of a request that came by way of ASGI."""
        fields = cls(scope["headers"])
        scope["headers"] = fields._given  # ASGI allows any iterable, which may give its fields only once
        return fields

    def all(self, name: str) -> list[str]:
        """Return the values of all fields of that name, in the order in which they came."""
        key = name.lower().encode()
        if key not in self._by_name:
            return []
        if len(self._by_name) == len(self._given):
            return [self._by_name[key].decode("latin-1")]
        return [value.decode("latin-1") for given, value in self._given if given == key]

    def first(self, name: str) -> str:
        """Return the value of the first field of that name, or an empty text where there is none."""
        return next(iter(self.all(name)), "")

    def text(self, name: str) -> str | None:
        """Return the text of a field, bare or in the quotes of RFC 9651, or ``None`` where it is not there.

        Raises:
            ProblemFound: it is there twice, or holds what is no ASCII.
        """
        given = self.all(name)
        if not given:
            return None
        if len(given) > 1:
            raise ProblemFound(MALFORMED, f"The header {name} is there twice. Give it once.")
        (text,) = given
        if not text.isascii():
            raise ProblemFound(MALFORMED, f"The header {name} holds characters outside of ASCII. Choose another id.")
        if len(text) > 1 and text[0] == text[-1] == '"':
            return re.sub(r"\\([\\\"])", r"\1", text[1:-1])
        return text

    def require_type(self, *types: str) -> None:
        """Check that the body has one of these media types.

        A browser sends none of them to a foreign server without asking it first, and this one says no.

        Raises:
            ProblemFound: it has another one.
        """
        given = self.first("content-type").partition(";")[0].strip().lower()
        if given not in types:
            what = f"is {given!r}" if given else "has no Content-Type"
            raise ProblemFound(
                UNSUPPORTED, f"The body {what}. Send it as {types[0]}.", {"Accept-Post": ", ".join(types)}
            )
