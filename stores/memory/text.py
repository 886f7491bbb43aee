"""What no store can hold."""

from ..errors import CommitRefused

__all__ = ["check_text"]


def check_text(*texts: str | None) -> None:
    """Refuse what UTF-8 cannot hold, as every database does."""
    try:
        "".join(text for text in texts if text is not None).encode()
    except UnicodeEncodeError as error:
        raise CommitRefused(error) from error
