"""What Cloudflare's API answered, read as the end of a call.

Only `success` in the body says that a purge was taken. An error that names the access pauses the consumer, one about
what was sent refuses the call, and whatever may pass by itself is tried again.

Source: the error codes are those that Cloudflare's public documentation and issue trackers show for this API.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec
from msgspec import Raw, Struct

from .delivery import Delivered, Delivery, Paused, Refused, TryAgain

__all__ = ["LONGEST_WAIT", "end_by_body", "end_by_status", "seconds_to_wait", "shown"]

LONGEST_WAIT = 3600.0
"""Seconds. No answer makes a consumer wait for longer."""
LONGEST_TEXT = 500
ACCESS_ERRORS = frozenset(["6003", "7000", "7003", "7403", "9103", "9106", "9107", "9109", "10000", "10001"])
"""A header, a zone's id or a token that the API does not take, or a permission that the token lacks."""


class _Error(Struct):
    code: int | str = ""
    message: str = ""


class _Answer(Struct):
    success: bool
    errors: tuple[_Error, ...] | None = None
    result: Raw = Raw(b"null")


class _Result(Struct, omit_defaults=True):
    id: str | None = None


def end_by_status(status: int, headers: Mapping[str, str], now: int) -> Delivery | None:
    """Return the end that the status alone tells, or ``None`` where the body has to be read.

    `headers` have names in small letters; `now` is the wall clock in microseconds, for a date in ``Retry-After``.
    """
    if status == 429 or status >= 500 or status in {408, 425}:
        after = seconds_to_wait(headers.get("retry-after"), now)
        return TryAgain(f"The CDN's API answered {status}", after=after, slow_down=True)
    if 300 <= status < 400:
        return Paused(f"The CDN's API answered {status}, a redirect, and it never redirects: see who answers there")
    if status in {404, 405, 410}:
        return Paused(f"The CDN's API answered {status}: there is no such zone. Correct cdn.zone_id")
    return None


def end_by_body(status: int, body: bytes, secret: str) -> Delivery:
    """Return the end that `body` tells. Where the API repeats `secret`, it is taken out of its words."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        if status in {401, 403}:
            return Paused(f"The CDN's API answered {status}. Correct cdn.token and its permissions")
        return TryAgain(f"The CDN's API answered {status} with what is no answer of it", slow_down=True)
    errors = answer.errors or ()
    said = "; ".join(f"{error.code} {error.message}" for error in errors) or "and named no reason"
    text = shown(said, secret)
    if status in {401, 403} or any(str(error.code) in ACCESS_ERRORS for error in errors):
        return Paused(f"The CDN's API denied access ({status}): {text}. Correct cdn.token or cdn.zone_id")
    if 200 <= status < 300 and answer.success:
        return Delivered(_result(answer.result, secret))
    if status < 300 and not errors:
        return TryAgain(f"The CDN's API answered {status} without success {text}", slow_down=True)
    return Refused(f"{status}, {text}")


def seconds_to_wait(retry_after: str | None, now: int) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for, a number or a date, up to the longest; ``None`` for none."""
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]{1,12}", retry_after):
        return min(float(retry_after), LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    # A date without a zone is GMT, as every date in HTTP.
    seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now / 1_000_000
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _result(raw: Raw, secret: str) -> str:
    """Return what is kept of the result: its id. The whole of it may be as long as the API likes."""
    try:
        result = msgspec.json.decode(raw, type=_Result)
    except msgspec.DecodeError:
        return "null"
    return msgspec.json.encode(_Result(result.id and shown(result.id, secret))).decode()


def shown(text: str, secret: str) -> str:
    """Return what may be kept of `text`: without `secret`, on one line and not too long."""
    # The secret goes first: half of one that is cut in two would not be recognized.
    hidden = text.replace(secret, "[hidden]") if secret else text
    return "".join(character if character.isprintable() else " " for character in hidden)[:LONGEST_TEXT]
