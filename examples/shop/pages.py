"""The shop's pages lie in a CDN: those that show an old price are dropped there as soon as the new one can be read."""

from urllib.parse import quote

from twofold import EventMeta, Purge

from .application import app
from .products import ProductRepriced

__all__ = ["product_page"]


@app.purge("product-pages", from_start=True)
def product_page(event: ProductRepriced, meta: EventMeta) -> Purge:
    """Drop the product's own page and the catalogue. A stock code may hold a space, so it is percent-encoded."""
    return Purge(urls=(f"/products/{quote(meta.key, safe='')}",), tags=("catalogue",))
