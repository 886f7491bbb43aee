"""A purge as domain code writes it: what the CDN must fetch anew."""

import re

from msgspec import Struct

from ..stores.errors import TwofoldError

__all__ = ["LARGEST_PURGE", "InvalidPurge", "Purge", "check_purge"]

LARGEST_PURGE = 1000
"""The most names in one purge: ten calls of the CDN. A tag or a prefix names more pages than that in one word."""

_WORD = re.compile(r"[!-~]{1,1024}")


class InvalidPurge(TwofoldError):
    """A purge that can never be done: it is parked, and nobody tries."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"The purge {what}.")


class Purge(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Pages, tags, prefixes or hosts to drop from the CDN's cache.

    A URL or a prefix is absolute, or a path within the zone that the provider is configured for
    (``/products/85123A``). A prefix has no scheme: ``shop.example/products``.
    """

    urls: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


def check_purge(purge: Purge) -> None:
    """Check what can be known without the zone.

    Raises:
        InvalidPurge: it purges nothing, or too much at once, or names something with a space or another character
            that no URL holds.
    """
    named = (*purge.urls, *purge.tags, *purge.prefixes, *purge.hosts)
    if not named:
        raise InvalidPurge("names nothing")
    if len(named) > LARGEST_PURGE:
        raise InvalidPurge(f"names {len(named)} things, and {LARGEST_PURGE} are the most: use a tag or a prefix")
    for word in named:
        if not _WORD.fullmatch(word):
            raise InvalidPurge(
                f"names {word[:100]!r}: 1 to 1024 printable ASCII characters and no space; percent-encode the others"
            )
    _check_forms(purge)


def _check_forms(purge: Purge) -> None:
    for url in purge.urls:
        if not re.match(r"/(?!/)|https?://", url):
            raise InvalidPurge(f"names the URL {url!r}, which is neither absolute nor a path")
    for prefix in purge.prefixes:
        if "://" in prefix or prefix.startswith("//"):
            raise InvalidPurge(f"names the prefix {prefix!r}: write it without a scheme, or as a path")
    for tag in purge.tags:
        if "," in tag:
            raise InvalidPurge(f"names the tag {tag!r}: a tag holds no comma")
