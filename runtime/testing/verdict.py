"""What became of a command in a test, and what a test may expect of that."""

from collections.abc import Sequence
from typing import Any, Literal, Self, TypeAlias

from msgspec import Struct

from ...actors.domain import Claim, Reject
from ...stores.records import Fault
from .comparison import unlike

__all__ = ["Verdict"]

End: TypeAlias = Literal["handled", "rejected", "refused"]

# `__tracebackhide__` has pytest show the line of the test in place of the lines here; elsewhere it says nothing.


class Verdict:
    """What became of a command. Each method raises an ``AssertionError`` unless it is what the test expects."""

    def __init__(
        self,
        command: str,
        end: End,
        *,
        events: Sequence[Struct] = (),
        claims: Sequence[Claim] = (),
        faults: Sequence[Fault] = (),
    ) -> None:
        self._command = command
        self._end = end
        self._events = events
        self._claims = claims
        self._faults = faults

    def then(self, *events: Struct) -> Self:
        """Expect that the command made these events, in this order, and no others; without any, that it made none."""
        __tracebackhide__ = True
        self._expect("handled", f"make {', '.join(type(event).__name__ for event in events) or 'no event'}")
        self._expect_same("events", events, self._events)
        return self

    def claims(self, *claims: Claim) -> Self:
        """Expect that the command was handled, and took and released these unique values, in this order."""
        __tracebackhide__ = True
        self._expect("handled", "be handled")
        self._expect_same("claims", claims, self._claims)
        return self

    def rejects(self, code: str, /, *, path: str | None = None, **facts: str | int | float | bool | None) -> Self:
        """Expect that `decide` raised a `Reject` with this code, with this path if it is given, and these facts."""
        __tracebackhide__ = True
        self._expect("rejected", f"be rejected with {code}")
        self._expect_fault("rejected", code, path, facts)
        return self

    def refused(self, code: str, /, *, path: str | None = None, **facts: str | int | float | bool | None) -> Self:
        """Expect that the command was refused before the log for one fault alone, told in the way of `rejects`."""
        __tracebackhide__ = True
        self._expect("refused", f"be refused with {code}")
        self._expect_fault("refused", code, path, facts)
        return self

    def refused_with(self, *faults: Reject) -> Self:
        """Expect that the command was refused before the log for these faults, in this order, and no others."""
        __tracebackhide__ = True
        self._expect("refused", f"be refused with {', '.join(each.fault.code for each in faults)}")
        self._expect_same("faults", [each.fault for each in faults], self._faults)
        return self

    def _expect(self, end: End, what: str) -> None:
        __tracebackhide__ = True
        if self._end != end:
            raise AssertionError(f"{self._command} was expected to {what}, and {self._told()}")

    def _expect_same(self, what: str, expected: Sequence[object], actual: Sequence[object]) -> None:
        __tracebackhide__ = True
        lines = unlike(expected, actual)
        if lines:
            raise AssertionError("\n".join((f"{self._command} has other {what} than expected:", *lines)))

    def _expect_fault(self, verb: str, code: str, path: str | None, facts: dict[str, Any]) -> None:
        __tracebackhide__ = True
        found = self._faults[0]
        facts = Reject(code, **facts).fault.facts  # as they are told: a decimal as its text
        as_far_as_expected = Fault(
            found.code,
            "" if path is None else found.path,
            "",
            {name: value for name, value in found.facts.items() if name in facts},
        )
        if len(self._faults) > 1 or as_far_as_expected != Fault(code, path or "", "", facts):
            expected = _line(Fault(code, path or "", "", facts))
            raise AssertionError(f"{self._command} was expected to be {verb} with\n  {expected}\nand {self._told()}")

    def _told(self) -> str:
        if self._end == "handled":
            made = [f"\n  {number}. {event!r}" for number, event in enumerate(self._events, 1)]
            return f"it made{':' if made else ' no event'}{''.join(made)}"
        how = "decide rejected it" if self._end == "rejected" else "it was refused before the log"
        return f"{how}:" + "".join(f"\n  {_line(fault)}" for fault in self._faults)


def _line(fault: Fault) -> str:
    facts = ", ".join(f"{name}={value!r}" for name, value in fault.facts.items())
    return " ".join(filter(None, (fault.path, fault.code, fault.message and f"({fault.message})", facts)))
