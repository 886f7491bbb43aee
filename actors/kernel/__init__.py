"""The actor kernel: mailboxes, actors, a supervisor and a clock. It knows neither stores nor commands."""
