"""The zone whose pages may be purged, and how a purge's names become those that the CDN knows.

A URL that merely looks as if it lay within the zone (``https://shop.example@evil.example/``, a port, a backslash, dots
that climb) is refused rather than repaired: the host is matched by what it may hold, and by nothing that parses.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import unquote

from ..stores.errors import TwofoldError
from .purge import InvalidPurge, Purge, check_purge

__all__ = ["InvalidZone", "Kind", "Part", "Zone"]

Kind: TypeAlias = Literal["files", "tags", "prefixes", "hosts"]
"""What a part of a purge names, in the CDN's words; one call holds one kind."""

_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}")
_ZONE = re.compile(r"(https?)://([^/]*)/?")
_URL = re.compile(r"(https?)://([^/?]*)(.*)")
_PREFIX = re.compile(r"([^/?]*)(.*)")
_ENCODED = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")


class InvalidZone(TwofoldError):
    """The address of the zone is no plain ``https://host``."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f'{url!r} is no zone. Write its scheme and host alone, as in "https://shop.example".')


class Part(NamedTuple):
    """One thing that the CDN drops."""

    kind: Kind
    name: str


class Zone:
    """A site and its subdomains.

    Raises:
        InvalidZone: `url` has a user, a port or a path, or a host that is a number or no name in the DNS.
    """

    def __init__(self, url: str) -> None:
        found = _ZONE.fullmatch(url)
        if found is None or not _HOST.fullmatch(found[2].lower()):
            raise InvalidZone(url)
        self.scheme, self.host = found[1], found[2].lower()

    def parts(self, purge: Purge) -> tuple[Part, ...]:
        """Return what `purge` names, each thing once, as the CDN knows it.

        Raises:
            InvalidPurge: something in it can never be purged, or lies outside the zone.
        """
        check_purge(purge)
        return tuple(dict.fromkeys(self._parts(purge)))

    def _parts(self, purge: Purge) -> Iterator[Part]:
        for url in purge.urls:
            yield Part("files", self._url(url))
        for tag in purge.tags:
            yield Part("tags", tag)
        for prefix in purge.prefixes:
            yield Part("prefixes", self._prefix(prefix))
        for host in purge.hosts:
            yield Part("hosts", self._within(host, host))

    def _url(self, url: str) -> str:
        absolute = f"{self.scheme}://{self.host}{url}" if url.startswith("/") else url
        found = _URL.fullmatch(absolute)
        if found is None:
            raise InvalidPurge(f"names the URL {url!r}, which is neither absolute nor a path")
        path, asked, query = found[3].partition("?")
        _check_path(url, path, query)
        return f"{found[1]}://{self._within(found[2], url)}{path or '/'}{asked}{query}"

    def _prefix(self, prefix: str) -> str:
        absolute = f"{self.host}{prefix}" if prefix.startswith("/") else prefix
        found = _PREFIX.fullmatch(absolute)
        if found is None or "?" in prefix:
            raise InvalidPurge(f"names the prefix {prefix!r}: a prefix has no query")
        _check_path(prefix, found[2], "")
        return f"{self._within(found[1], prefix)}{found[2]}"

    def _within(self, host: str, named: str) -> str:
        lowered = host.lower()
        if not _HOST.fullmatch(lowered):
            raise InvalidPurge(f"names {named!r}, whose host is no plain name without user, port and last dot")
        if lowered != self.host and not lowered.endswith(f".{self.host}"):
            raise InvalidPurge(f"names {named!r}, which is outside the zone {self.host}")
        return lowered


def _check_path(named: str, path: str, query: str) -> None:
    if "#" in path or "#" in query:
        raise InvalidPurge(f"names {named!r}: the part behind # never reaches a cache")
    if not _ENCODED.fullmatch(path + query):
        raise InvalidPurge(f"names {named!r}: a percent sign begins two hexadecimal digits")
    seen = unquote(path)
    if "\\" in seen or "\\" in query:
        raise InvalidPurge(f"names {named!r}: it holds a backslash, which some read as a slash")
    if any(segment in {".", ".."} for segment in seen.split("/")):
        raise InvalidPurge(f"names {named!r}: write the path that its dots lead to")
