"""The one object that all parts of the shop register with."""

from twofold import App

__all__ = ["app"]

app = App("shop")
