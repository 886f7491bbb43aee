"""The settings of the CDN's purges, ``[cdn]``, and what of them must fit together."""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..stores.errors import TwofoldError
from .cdn_zone import InvalidZone, Zone
from .quantities import read_duration

__all__ = ["EXAMPLE_ZONE", "CdnSettings", "InvalidCdnSettings", "check_cdn_settings"]

EXAMPLE_ZONE = "https://shop.example"
"""The zone until another one is set: good for the directory, and for no real CDN."""

_ZONE_ID = re.compile(r"[0-9a-f]{32}")
_TOKEN = re.compile(r"[!-~]{16,1024}")


class InvalidCdnSettings(TwofoldError):
    """The settings of the CDN do not fit together; `problems` names each thing that is wrong. No secret is in it."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class CdnSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where purges go, and how fast."""

    provider: Literal["directory", "cloudflare"] = "directory"
    """``directory`` appends each purge to ``outbox/purges.jsonl``; ``cloudflare`` sends it."""
    zone_url: str = EXAMPLE_ZONE
    """Scheme and host of the site: paths are joined to it, and nothing outside of it is purged."""
    zone_id: Annotated[str, Meta(examples=["023e105f4ecef8ad9ca31a8372d0c353"])] = ""
    """Cloudflare's id of the zone, 32 hexadecimal digits."""
    token: Annotated[str, Meta(extra={"secret": True}, examples=[{"file": "cdn-token"}])] = ""
    """Where an API token with the permission Zone.Cache Purge for the zone is; it is kept as a password is."""
    items_per_call: Annotated[int, Meta(ge=1, le=500)] = 100
    """How many URLs, tags, prefixes or hosts go in one call at most."""
    calls_per_second: Annotated[float, Meta(gt=0, le=1000)] = 1.0
    """How many calls a second are made at most."""
    timeout: Annotated[float, Meta(gt=0, le=600, extra={"read": read_duration})] = 10.0
    """How long one call may take, from the connection to the last byte of the answer."""

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "token")
        return f"{type(self).__name__}({', '.join(shown)}, token={'hidden' if self.token else 'not set'})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        # msgspec's own would show the token to whatever prints the variables of a traceback.
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "token"]


def check_cdn_settings(settings: CdnSettings) -> None:
    """Check what one setting alone does not tell.

    Raises:
        InvalidCdnSettings: with everything that is wrong.
    """
    problems: list[str] = []
    try:
        Zone(settings.zone_url)
    except InvalidZone as error:
        problems.append(f"cdn.zone_url: {error}")
    if settings.provider == "cloudflare":
        if settings.zone_url == EXAMPLE_ZONE:
            problems.append("cdn.zone_url is not set. Write the site's scheme and host.")
        if not _ZONE_ID.fullmatch(settings.zone_id):
            problems.append(f"cdn.zone_id: {settings.zone_id!r} is no zone's id, 32 hexadecimal digits.")
        if not _TOKEN.fullmatch(settings.token):
            problems.append(
                "cdn.token is not set, or is no token: 16 printable ASCII characters at least, and no space."
            )
    if problems:
        raise InvalidCdnSettings(*problems)
