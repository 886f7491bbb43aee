"""The client: what the command line asks of a server, over HTTP."""
