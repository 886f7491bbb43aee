"""A consumer of one's own that tells another system of each event, over HTTP."""
