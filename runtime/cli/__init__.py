"""The command line, `twofold`: each of its commands, and what they share."""

from .main import main

__all__ = ["main"]
