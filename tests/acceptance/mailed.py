"""Settings of a test's own, under which mail goes to an SMTP server, and what the ledger says of it."""

from pathlib import Path
from typing import Any

from tests.doubles.command_line import CommandLine
from tests.doubles.smtp_server import ScriptedSmtp

__all__ = ["effects_of", "mail_config", "received"]

SHOP = "examples.shop.domain:app"


def mail_config(file: Path, port: int, domain: str = SHOP, login: str = "") -> Path:
    """Write settings that send mail to `port` of this machine; `login` is more lines for the section."""
    file.write_text(
        f"""[app]
domain = "{domain}"
[mail]
transport = "smtp"
sender = "The Shop <shop@example.com>"
host = "127.0.0.1"
port = {port}
security = "none"
rate = 10000.0
{login}""",
        encoding="utf-8",
    )
    return file


def effects_of(shop: CommandLine, *states: str) -> list[dict[str, Any]]:
    """Return the mails that `twofold effects list` shows in `states`, oldest first."""
    options = [word for state in states for word in ("--state", state)]
    listed = shop.run("effects", "list", *options, "--limit", "10000", "--json")
    assert listed.code == 0, listed
    return [effect for effect in listed.answer if effect["consumer"] != "product-pages"]


def received(server: ScriptedSmtp) -> list[str]:
    """Return the effect ids of all mails that the server took, in its order."""
    return [mail.message["X-Twofold-Effect"] for mail in server.received]
