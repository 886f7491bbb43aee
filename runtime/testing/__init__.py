"""Tools for the tests of a domain. They need no test framework: what fails raises an ``AssertionError``."""

from .virtual_clock import START, VirtualClock

__all__ = ["START", "VirtualClock"]
