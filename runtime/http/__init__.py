"""The HTTP interface: what a client asks of a runtime, and a server for it."""
