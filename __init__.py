"""Twofold: CQRS and event sourcing in one async Python process."""
