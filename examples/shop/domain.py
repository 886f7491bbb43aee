"""The whole shop: importing this module imports each of its parts, and thereby registers it with `app`.

Twofold is pointed here, with `domain = "examples.shop.domain:app"`.
"""

from . import orders  # first: so an order is what `twofold run` proposes to begin with

# isort: split
from . import catalogue, mails, pages, products, refunds, returns, sales, totals
from .application import app

__all__ = ["app", "catalogue", "mails", "orders", "pages", "products", "refunds", "returns", "sales", "totals"]
