"""What a mail server's reply means for the mail: the table behind docs/email.md.

The codes are those of RFC 5321 and RFC 4954; what SES says beyond them stands in its guide under "SMTP response codes".
"""

from typing import Literal, TypeAlias

from .delivery import Delivery, Paused, Refused, TryAgain

__all__ = ["ACCESS", "THROTTLED", "Stage", "delivery_of", "words_of"]

Stage: TypeAlias = Literal["connecting", "sender", "recipients", "content"]
"""How far a mail had come: to the server and in; MAIL FROM; RCPT TO; DATA and all that follows."""

THROTTLED = frozenset({421, 454})
ACCESS = frozenset({530, 534, 535, 538})
"""It wants a login, another one, or an encrypted one."""
NO_SERVICE = 554
LONGEST_WORDS = 500


def words_of(code: int, message: str) -> str:
    """Return a reply on one line, in characters that can be stored, and not longer than a person reads."""
    line = f"{code} {' '.join(message.split())}".strip()
    return line.encode("utf-8", "replace").decode()[:LONGEST_WORDS].replace("\0", "?")


def delivery_of(code: int, message: str, stage: Stage, sender: str) -> Delivery:
    """Return what a reply other than success means for a whole mail; `sender` is the mailer's own address."""
    words = words_of(code, message)
    if 400 <= code < 500:
        return TryAgain(words, slow_down=code in THROTTLED or stage == "connecting")
    if not 500 <= code < 600:
        return TryAgain(f"no reply that SMTP knows: {words}", slow_down=stage != "content")
    if stage == "connecting" or code in ACCESS or (code == NO_SERVICE and _is_access(message, stage, sender)):
        return Paused(words)
    return Refused(words)


def _is_access(message: str, stage: Stage, sender: str) -> bool:
    """Tell whether a 554 is about us and not about this mail.

    At MAIL FROM it is. Behind DATA, SES says 554 for both: that the login may not send, that the account is paused,
    that an identity is not verified. The last is about us where the identity is the sender of all our mail; a mail's
    own sender, or its recipient in SES's sandbox, is that mail's affair.
    """
    said = message.casefold()
    return (
        stage == "sender"
        or said.startswith("access denied")
        or "sending paused for this account" in said
        or ("not verified" in said and sender.casefold() in said)
    )
