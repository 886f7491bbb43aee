"""An application that has more to tell at once than any connection takes."""

from twofold import App, ReadDb

from tests.doubles.accounts import accounts_app

__all__ = ["MUCH", "app_with_much_to_tell"]

MUCH = 30 << 20
"""Characters of the answer."""


def app_with_much_to_tell() -> App:
    """Return an application with a query whose answer fills a connection."""
    app = accounts_app()

    @app.query("much")
    async def much(db: ReadDb) -> str:
        return "x" * MUCH

    return app
