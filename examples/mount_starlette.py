"""A site that has a page of its own, and below /shop the HTTP interface of the shop.

In a clone: `uvicorn examples.mount_starlette:site`. Then http://127.0.0.1:8000 is the page, and
http://127.0.0.1:8000/shop/queries/shop.totals a query of the shop.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from twofold import Config, Runtime

from .shop.domain import app

runtime = Runtime(app, Config.load(overrides={"data.dir": "data-mounted"}))


@asynccontextmanager
async def at_work(_site: Starlette) -> AsyncIterator[None]:
    """Run the shop for as long as the site is served."""
    async with runtime:
        yield


async def front_page(_request: Request) -> HTMLResponse:
    totals = (await runtime.query("shop.totals")).value
    return HTMLResponse(f"<h1>The Shop</h1><p>{totals.orders_placed} orders, {totals.revenue} GBP</p>")


site = Starlette(lifespan=at_work, routes=[Route("/", front_page), Mount("/shop", runtime.asgi())])
