"""Addresses to listen on: only those of this machine, for as long as nothing can tell who asks."""

from ipaddress import ip_address

__all__ = ["read_loopback"]


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
