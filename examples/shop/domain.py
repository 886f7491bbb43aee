"""The whole shop: importing this module imports each of its parts, and thereby registers it with `app`.

Twofold is pointed here, with `domain = "examples.shop.domain:app"`.
"""

from . import catalogue, orders, products, refunds, returns, sales, totals
from .application import app

__all__ = ["app", "catalogue", "orders", "products", "refunds", "returns", "sales", "totals"]
