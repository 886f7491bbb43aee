"""Rows of words and figures under each other."""

from collections.abc import Iterable, Sequence
from statistics import median

__all__ = ["aligned", "with_spread"]


def with_spread(ratios: Sequence[float | None]) -> str:
    """Return the median of those `ratios` that are known, and from where to where they go."""
    known = [ratio for ratio in ratios if ratio is not None]
    if not known:
        return ""
    spread = f" ({min(known):.2f} to {max(known):.2f})" if len(known) > 1 else ""
    return f"{median(known):.3f}{spread}"


def aligned(rows: Sequence[Sequence[str]], numbers_from: int = 1) -> str:
    """Return `rows` in columns, those from `numbers_from` on aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(row: Iterable[str]) -> str:
        cells = (
            cell.ljust(width) if index < numbers_from else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join(map(line, rows))
