"""What keeps a client from its answer: a server that is away for now, one that says no, and what is none of ours."""

from ...stores.errors import TwofoldError

__all__ = ["AnswerTooLarge", "NoSuchConsumer", "NotTwofold", "RequestRefused", "ServerAway"]


class ServerAway(TwofoldError):
    """The server cannot be reached, broke off, or says that it cannot answer just now: that may pass."""

    def __init__(self, what: str, retry_after: float = 0.0) -> None:
        self.retry_after = retry_after
        """The seconds that the server asked for."""
        super().__init__(what)


class AnswerTooLarge(TwofoldError):
    """The answer to a request is larger than a client takes into its memory."""

    def __init__(self, asked_for: str, limit: int) -> None:
        self.asked_for, self.limit = asked_for, limit
        super().__init__(f"The answer to {asked_for} has more than {limit >> 20} MiB. Ask for less at a time.")


class NotTwofold(TwofoldError):
    """Something else than a Twofold server answers there."""

    def __init__(self, url: str, what: str) -> None:
        self.url, self.what = url, what
        super().__init__(
            f"What answers at {url} is no Twofold server: {what}. Give the URL that `twofold run` says, such as "
            "http://127.0.0.1:8080, or the one under which your application mounts it."
        )


class RequestRefused(TwofoldError):
    """The server answered that the request as a whole makes no sense to it, or fails; it says why in its own words."""


class NoSuchConsumer(RequestRefused):
    """The server has no consumer of the name that was given."""
