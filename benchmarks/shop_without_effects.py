"""The shop's domain with its effects left out: what the floor does, and nothing more.

The parts of the shop register as they are imported, so leaving out two modules leaves out what they register.
"""

from examples.shop import catalogue, orders, products, refunds, returns, sales, totals
from examples.shop.application import app

__all__ = ["app", "catalogue", "orders", "products", "refunds", "returns", "sales", "totals"]
