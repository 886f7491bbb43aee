"""Problems that one server brings about, each by a request."""

from tests.doubles.faulty_accounts import ADA, deposit
from tests.runtime.http.causes import Ask_, get, post

OF_ONE_SERVER: dict[str, tuple[Ask_, int, str]] = {
    "no JSON": (
        post("/commands/account.open", content=b"{", headers={"Content-Type": "application/json"}),
        400,
        "malformed",
    ),
    "no such address": (get("/nothing"), 404, "not-found"),
    "no such command": (post("/commands/nothing", json={}), 404, "unknown-command"),
    "no such query": (get("/queries/nothing"), 404, "unknown-query"),
    "no such stream": (get("/streams/account-2"), 404, "unknown-stream"),
    "no such category": (get("/streams/nothing"), 404, "unknown-stream"),
    "no such version": (get("/streams/account-1?version=9"), 404, "unknown-version"),
    "no outcome": (get("/outcomes/nothing"), 404, "unknown-outcome"),
    "no such consumer": (post("/consumers/nothing/resume", json={}), 404, "unknown-consumer"),
    "an effect that is none": (post("/effects/retry", json={"effect_ids": ["nothing"]}), 404, "unknown-effect"),
    "a way back to nothing": (post("/rebuild?back=true", json={}), 409, "no-way-back"),
    "another method": (get("/commands/account.open"), 405, "method-not-allowed"),
    "an id again": (
        post("/commands/account.open", json=ADA, headers={"Idempotency-Key": "first"}),
        409,
        "command-id-reused",
    ),
    "a rule's no": (post("/commands/account.open?wait=handled", json=ADA), 409, "rejected"),
    "another version": (
        post("/commands/account.deposit?wait=handled&expected_version=9", json=deposit()),
        409,
        "version-conflict",
    ),
    "too much": (post("/commands/account.deposit", json=deposit("x" * (1 << 20))), 413, "too-large"),
    "another media type": (post("/commands/account.open", content=b"{}"), 415, "unsupported-media-type"),
    "a page of another site": (get("/healthz", headers={"Origin": "http://evil.example"}), 403, "foreign-origin"),
    "another host": (get("/healthz", headers={"Host": "evil.example"}), 421, "misdirected"),
    "a validator's no": (post("/commands/account.deposit", json=deposit("bad")), 422, "refused"),
    "a schema's no": (post("/commands/account.deposit", json={}), 422, "refused"),
    "a parameter that a query has not": (get("/queries/accounts?limit=3"), 422, "bad-parameters"),
    "a head that is too large": (get("/healthz", headers={"X": "x" * (64 << 10)}), 431, "head-too-large"),
    "a bug in decide": (post("/commands/account.deposit?wait=handled", json=deposit("decide raises")), 500, "failed"),
    "a bug in a validator": (
        post("/commands/account.deposit", json=deposit("a validator raises")),
        500,
        "validator-failed",
    ),
    "a bug in a query": (get("/queries/raises"), 500, "query-failed"),
    "a statement that is none": (get("/queries/says.no.sql"), 500, "query-failed"),
    "a query that waits for something else": (get("/queries/waits"), 500, "query-failed"),
    "what nobody foresaw": (get("/queries/unforeseen"), 500, "internal"),
    "a slow validator": (
        post("/commands/account.deposit", json=deposit("a validator waits")),
        503,
        "validator-timeout",
    ),
    "a slow query": (get("/queries/endless"), 504, "query-timeout"),
    "a position that is not reached": (get("/queries/accounts?min_position=99&timeout=0"), 504, "not-projected"),
}
