"""Ids for commands whose sender gave none: UUIDs of version 7, so that an index of them grows at its end.

The layout is that of RFC 9562, section 5.7: 48 bits of milliseconds, the version, 12 random bits, the variant, 62
random bits. They are unique, not secret, so Python's own generator, seeded by the system, will do.
"""

import time
from random import getrandbits

__all__ = ["new_command_id"]

_FREE_BITS = ~(0xF << 76 | 0x3 << 62)
_VERSION_AND_VARIANT = 7 << 76 | 2 << 62


def new_command_id() -> str:
    """Return a new id that sorts after those made in earlier milliseconds."""
    number = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | getrandbits(80)
    text = (number & _FREE_BITS | _VERSION_AND_VARIANT).to_bytes(16, "big").hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
