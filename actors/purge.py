"""A purge as domain code writes it: what the CDN must fetch anew."""

import re

from msgspec import Struct

from ..stores.errors import TwofoldError

__all__ = ["InvalidPurge", "Purge", "check_purge"]

_WORD = re.compile(r"[!-~]{1,1024}")


class InvalidPurge(TwofoldError):
    """A purge that can never be done: it is parked, and nobody tries."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"The purge {what}.")


class Purge(Struct, frozen=True, omit_defaults=True):
    """Pages, tags, prefixes or hosts to drop from the CDN's cache.

    A URL is absolute, or a path within the zone that the provider is configured for (``/products/85123A``).
    """

    urls: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


def check_purge(purge: Purge) -> None:
    """Check what can be known without the zone.

    Raises:
        InvalidPurge: it purges nothing, or names something with a space or another character that no URL holds.
    """
    named = (*purge.urls, *purge.tags, *purge.prefixes, *purge.hosts)
    if not named:
        raise InvalidPurge("names nothing")
    for word in named:
        if not _WORD.fullmatch(word):
            raise InvalidPurge(f"names {word!r}: percent-encode what is not printable ASCII")
    for url in purge.urls:
        if not (url.startswith("/") or re.match(r"https?://", url)):
            raise InvalidPurge(f"names the URL {url!r}, which is neither absolute nor a path")
    for tag in purge.tags:
        if "," in tag:
            raise InvalidPurge(f"names the tag {tag!r}: a tag holds no comma")
