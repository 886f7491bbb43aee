"""Rows of words and figures under each other."""

from collections.abc import Iterable, Sequence

__all__ = ["aligned"]


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
