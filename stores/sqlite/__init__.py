"""The embedded databases: the write database, the generations of the read database, and how SQLite is opened."""
