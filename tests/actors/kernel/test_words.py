"""What an error says can be told, whatever its author made of it: bugs of the domain are told in many places."""

import pytest
from twofold import ProjectionFailed, ValidatorFailed
from twofold.actors.kernel.supervisor import CoreRoleFailed
from twofold.actors.kernel.words import words_of


class Untellable(Exception):
    def __repr__(self) -> str:
        raise RuntimeError


def test_an_error_says_its_repr_and_never_too_much() -> None:
    assert words_of(ValueError("no")) == "ValueError('no')"
    assert len(words_of(ValueError("x" * 1_000_000))) == 2000
    assert words_of(Untellable()) == "Untellable, and to tell it raised RuntimeError"


@pytest.mark.parametrize(
    "error",
    [
        ValidatorFailed("look", Untellable()),
        ProjectionFailed("balances", 5, Untellable()),
        CoreRoleFailed("validator", 5, Untellable()),
    ],
)
def test_what_cannot_be_told_is_told_by_its_type(error: Exception) -> None:
    assert "Untellable, and to tell it raised RuntimeError" in str(error)
