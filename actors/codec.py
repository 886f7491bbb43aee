"""How commands, events and states become JSON and come back, and what cannot be stored.

What is stored is always the encoded form of a value that comes back from it as it is, so that whoever reads it later
sees what was seen first.
"""

from typing import Any, Generic, TypeVar

import msgspec

from .equality import Digest, digest_of
from .exact import look_at
from .immutable import mutable_part, reads_alike
from .storable import Unstorable, check_storable, looks_unstorable, must_be_walked

__all__ = ["Codec"]

T = TypeVar("T")


class Codec(Generic[T]):
    """Encodes and decodes one registered type."""

    def __init__(self, name: str, type_: type[T]) -> None:
        self.name = name
        self.type = type_
        self.decode = msgspec.json.Decoder(type_).decode
        """Returns the object that its JSON, `bytes` or `str`, stands for.

        Raises msgspec.ValidationError with the path of the first fault, or msgspec.DecodeError where it is no JSON.
        """
        self.shareable = mutable_part(type_) is None and reads_alike(type_)
        """Whether a decoded value may be handed on in place of its stored form: nobody can change it."""
        self._is_exact = look_at(type_) or (lambda _: False)
        self._encode = msgspec.json.Encoder().encode
        self._always_check = must_be_walked(type_)
        self.digest: Digest = digest_of(name, type_)
        """Returns 16 bytes that are equal for equal values of this type; takes one and what `encode` made of it."""

    def encode(self, value: T) -> bytes:
        """Return `value` as JSON.

        Raises:
            Unstorable: a value inside it cannot be stored, or would not come back as it is.
        """
        try:
            data = self._encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Unstorable("", f"{type(value).__name__} has no JSON form: {error}") from error
        if self._always_check or looks_unstorable(data):
            check_storable(value)
        return data

    def again(self, value: Any) -> tuple[T, bytes]:
        """Return `value` as it comes back from its stored form, and that form."""
        data = self.encode(value)
        if self._is_exact(value):
            return value, data
        again = self.decode(data)
        return again, self.encode(again)  # a value may be written in other ways than what it is read as
