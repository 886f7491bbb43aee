"""Numbers are told with the noun that goes with them."""

import pytest
from twofold.runtime.cli.verify import tell_report
from twofold.runtime.verification.report import Checked, VerificationFault, VerificationReport
from twofold.runtime.wording import counted


@pytest.mark.parametrize(("number", "told"), [(0, "0 faults"), (1, "1 fault"), (2, "2 faults")])
def test_one_thing_is_told_in_the_singular(number: int, told: str) -> None:
    assert counted(number, "fault") == told


def test_a_verification_tells_one_of_a_kind_in_the_singular(capsys: pytest.CaptureFixture[str]) -> None:
    fault = VerificationFault("write.db", "it is damaged", "Restore a backup.")
    tell_report(VerificationReport(None, (fault,), (), Checked(commands=1, outcomes=1, events=2, states=1, streams=1)))
    told = capsys.readouterr().out
    assert "Checked 1 command in the log (0 unhandled), 1 outcome, 2 events, 1 state of 1 stream, 0 effects" in told
    assert told.endswith("\n1 fault.\n")
