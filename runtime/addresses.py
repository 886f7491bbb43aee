"""Addresses to listen on, only those of this machine for as long as nothing can tell who asks, and URLs to ask."""

from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["check_url", "read_loopback"]


def read_loopback(text: object) -> str:
    """Return the address that `text` names.

    Raises:
        ValueError: it is no address of this machine's own, or none at all.
    """
    if text == "localhost":
        return "127.0.0.1"
    try:
        address = ip_address(str(text))
    except ValueError:
        raise ValueError(f"Expected an address such as 127.0.0.1 or ::1, got {text!r}") from None
    if not address.is_loopback:
        raise ValueError(
            f"{address} can be reached from other machines, and nobody is asked who they are: whoever reaches it may "
            "submit any command. Expected 127.0.0.1 or ::1; let a proxy that knows its users stand before it"
        )
    return str(address)


def check_url(text: str) -> str:
    """Return `text`, the URL of a server.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is no URL of a server, such as http://127.0.0.1:8080.")
    _ = parts.port  # raises where it is no number of a port
    return text
