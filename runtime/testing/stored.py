"""Values as they come back from their stored form: what a domain's functions see, in a test as in the runtime."""

from typing import TypeVar

import msgspec

from ...actors.codec import Codec
from ...actors.definitions import Domain
from ...actors.storable import Unstorable
from .comparison import differences

__all__ = ["as_stored", "check_came_back", "codec_of_event"]

T = TypeVar("T")


def as_stored(codec: Codec[T], value: T) -> T:
    """Return `value` as it comes back from its stored form.

    Raises:
        AssertionError: it cannot be stored, or comes back as something else.
    """
    try:
        came_back, _ = codec.again(value)
    except Unstorable as error:
        raise AssertionError(f"{_told(codec, value)} cannot be stored: {error}.") from None
    except msgspec.DecodeError as error:
        raise AssertionError(f"{_told(codec, value)} does not fit its own type: {error}.") from None
    check_came_back(codec, value, came_back)
    return came_back


def check_came_back(codec: Codec[T], value: T, came_back: T) -> None:
    """Check that `value` came back from its stored form as it was.

    Raises:
        AssertionError: it did not; the message names each place.
    """
    found = [f"  {where}: was {this!r}, came back as {that!r}" for where, this, that in differences(value, came_back)]
    if found:
        raise AssertionError("\n".join((f"{_told(codec, value)} does not come back from its stored form:", *found)))


def codec_of_event(domain: Domain, event: object) -> tuple[str, Codec[object]]:
    """Return the category and the codec of `event`.

    Raises:
        TypeError: it is no event of the domain.
    """
    for decider in domain.deciders.values():
        definition = decider.events.get(type(event))
        if definition is not None:
            return decider.category, definition.codec
    raise TypeError(f"{event!r} is no event of {domain.name}. Register its type with a decider.")


def _told(codec: Codec[T], value: T) -> str:
    return f"{type(value).__name__} ({codec.name})"
