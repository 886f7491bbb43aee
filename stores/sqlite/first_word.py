"""What a statement does, told by its first word: all that is looked at before SQLite itself judges it."""

import re
from functools import lru_cache

__all__ = ["first_word"]

FIRST_WORD = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*+([a-z]*)", re.IGNORECASE | re.DOTALL)
"""Behind blanks and both kinds of comment (https://www.sqlite.org/lang_comment.html)."""

LONGEST_KNOWN = 1_000
"""Characters of a text that is kept with its word."""


def first_word(sql: str) -> str:
    """Return the word in upper case with which the statement `sql` begins, or an empty text."""
    return _known_word(sql) if len(sql) <= LONGEST_KNOWN else _word(sql)


def _word(sql: str) -> str:
    match = FIRST_WORD.match(sql)
    return "" if match is None else match[1].upper()


_known_word = lru_cache(maxsize=256)(_word)  # most texts come again, with other parameters: 2 us less for an order
