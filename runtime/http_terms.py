"""What both sides of the HTTP interface go by, the server and the client of the command line."""

__all__ = ["LONGEST_WAIT", "TYPE_PREFIX"]

LONGEST_WAIT = 3600.0
"""Seconds for which a request may ask to wait for its answer."""
TYPE_PREFIX = "urn:twofold:problem:"
"""What the type of a problem begins with; the name of its kind follows."""
