"""Durations and sizes: what is understood, and what is refused rather than guessed."""

import pytest
from twofold.actors.quantities import read_duration, read_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("1s", 1), ("1.5s", 1.5), ("5m", 300), ("1h", 3600), ("7d", 604800), ("0s", 0)],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "s",
        "1 s",
        " 1s",
        "1s\n",
        "-1s",
        "1S",
        "1e3s",
        ".5s",
        "1.s",
        "1h30m",
        "inf",
        "\u0661s",
        1,
        1.5,
        True,
        None,
    ],
)
def test_what_is_no_duration_is_refused_with_examples(value: object) -> None:
    with pytest.raises(ValueError, match='such as "250ms"'):
        read_duration(value)


def test_a_duration_of_too_many_digits_is_refused_and_not_infinite() -> None:
    with pytest.raises(ValueError, match="Expected a duration"):
        read_duration("9" * 400 + "d")


@pytest.mark.parametrize(
    ("value", "size"),
    [(4096, 4096), ("4096", 4096), ("10B", 10), ("1KiB", 1024), ("64MiB", 64 << 20), ("2TiB", 2 << 40)],
)
def test_a_size_is_read_as_bytes(value: object, size: int) -> None:
    assert read_size(value) == size


@pytest.mark.parametrize(
    "value", ["", "MiB", "64MB", "64M", "1.5GiB", "64 MiB", "-1", "\u0663", "9" * 16, 1.0, True, None]
)
def test_what_is_no_size_is_refused_with_examples(value: object) -> None:
    with pytest.raises(ValueError, match='"64MiB"'):
        read_size(value)
