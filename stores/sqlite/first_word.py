"""What a statement does, told by its first word: all that is looked at before SQLite itself judges it."""

import re

__all__ = ["first_word"]

FIRST_WORD = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*+([a-z]*)", re.IGNORECASE | re.DOTALL)
"""Behind blanks and both kinds of comment (https://www.sqlite.org/lang_comment.html)."""


def first_word(sql: str) -> str:
    """Return the word in upper case with which the statement `sql` begins, or an empty text."""
    match = FIRST_WORD.match(sql)
    return "" if match is None else match[1].upper()
