"""The shop inside a program of your own. In a clone: `python -m examples.embed`."""

from decimal import Decimal

import anyio
from twofold import Config, Runtime

from .shop.domain import app
from .shop.lines import Line
from .shop.orders import PlaceOrder


async def order_from(country: str, runtime: Runtime) -> None:
    order = PlaceOrder(country.lower(), country, (Line("85123A", 6, Decimal("2.55")),))
    await runtime.submit(order, command_id=f"{order.order_id}-place", wait="projected")


async def main() -> None:
    config = Config.load(overrides={"data.dir": "data-embedded"})
    async with Runtime(app, config) as runtime:  # the end of the block stops it in order
        async with anyio.create_task_group() as tasks:  # your own tasks use it side by side
            for country in ("Norway", "France"):
                tasks.start_soon(order_from, country, runtime)
        answer = await runtime.query("shop.top_countries", limit=3)
        for best in answer.value:
            print(best.country, best.revenue, "at position", answer.position)


if __name__ == "__main__":
    anyio.run(main)
