"""What an error says, whoever made it: its own words may be endless, or have a bug themselves."""

__all__ = ["words_of"]

_LONGEST = 2000


def words_of(error: BaseException) -> str:
    """Return the ``repr`` of `error`, cut to 2,000 characters; where even that raises, its type."""
    try:
        return repr(error)[:_LONGEST]
    except Exception as worse:  # noqa: BLE001 - telling of one bug is not to fail by another
        return f"{type(error).__name__}, and to tell it raised {type(worse).__name__}"
