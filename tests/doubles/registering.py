"""What registrations are tried with: a type that nobody has registered."""

from msgspec import Struct


class Unknown(Struct, frozen=True):
    account: str
