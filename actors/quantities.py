"""Durations and sizes as people write them: ``"250ms"`` and ``"64MiB"``.

Both are read strictly. A bare number is no duration, because seconds and milliseconds look the same in a file, and
``MB`` is no size, because some mean 1000 by it and some 1024.
"""

import re

__all__ = ["read_duration", "read_size"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

# As many digits as any real quantity has, so that no product overflows.
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB|TiB)?")


def read_duration(text: object) -> float:
    """Return the seconds that `text` stands for: a number and one of ms, s, m, h and d, without a space.

    Raises:
        ValueError: it stands for none.
    """
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'Expected a duration such as "250ms", "1.5s", "5m", "1h" or "7d", got {text!r}')
    return float(found[1]) * _SECONDS[found[2]]


def read_size(value: object) -> int:
    """Return the bytes that `value` stands for: a whole number of them, or a text such as ``64MiB``.

    Raises:
        ValueError: it stands for none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'Expected a size such as 4096, "512KiB", "64MiB" or "1GiB", got {value!r}')
    return int(found[1]) * _BYTES[found[2] or "B"]
