"""A shop's day as newline-delimited JSON, made up: what goes well, what is refused and what is rejected, mixed."""

import json
import random
from pathlib import Path
from typing import Any

BAD_EVERY = 20


def write_shop_commands(path: Path, count: int, seed: int = 1) -> Path:
    """Write `count` commands, the same ones for the same seed; every twentieth is refused by a validator."""
    random_ = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(1, count + 1):
            kind, data = _bad(number) if number % BAD_EVERY == 0 else _good(number, random_)
            file.write(json.dumps({"type": kind, "id": f"c-{number}", "data": data}) + "\n")
    return path


def _good(number: int, random_: random.Random) -> tuple[str, dict[str, Any]]:
    lines = [_line(random_) for _ in range(random_.randint(1, 6))]
    match number % 4:
        case 0:
            return "product.reprice", {"sku": f"s{random_.randrange(50)}", "price": f"{random_.randint(1, 4)}.25"}
        case 1:
            return "order.place", {"order_id": str(number), "country": "France", "customer": "7", "lines": lines}
        case 2:  # of the order before, or of one that was cancelled or never was
            return "order.cancel", {"order_id": str(number - random_.choice((1, 1, 2, 5)))}
        case _:
            return "return.accept", {"return_id": str(number), "country": "EIRE", "lines": lines}


def _line(random_: random.Random) -> dict[str, Any]:
    price = f"{random_.randint(1, 4)}.5"
    return {"sku": f"s{random_.randrange(50)}", "quantity": random_.randint(1, 9), "unit_price": price}


def _bad(number: int) -> tuple[str, dict[str, Any]]:
    lines = [{"sku": "s1", "quantity": 1, "unit_price": "1.5"}, {"sku": "s2", "quantity": 0, "unit_price": "1.5"}]
    return "order.place", {"order_id": str(number), "country": "France", "lines": lines}
