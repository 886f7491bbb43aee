"""Parcels that are sent, and a webhook that tells the depot of each: a POST that is tried until it is taken.

The depot is told at least once. The effect id is the same at every attempt and goes along as ``Idempotency-Key``, so
that a depot that keeps the keys it has seen is told in effect once.
"""

import os
import ssl

import httpx
from msgspec import Struct
from twofold import App, Context, EventMeta, Reject, Retry, Undeliverable

__all__ = ["app", "tell_depot"]

NOT_NOW = frozenset({408, 429})
"""A client's fault by their number, and yet they pass: a request that came too slowly, and one too many."""

app = App("parcels")
_tls = ssl.create_default_context()  # once: it reads all certificates of the machine


class SendParcel(Struct, frozen=True):
    """Send a parcel to an address."""

    number: str
    address: str


class ParcelSent(Struct, frozen=True):
    """A parcel is on its way."""

    address: str


class Parcel(Struct, frozen=True):
    """Where a parcel goes, once it goes anywhere."""

    address: str = ""


parcel = app.decider(
    "parcel", Parcel, key="number", commands={"parcel.send": SendParcel}, events={"parcel.sent": ParcelSent}
)


@parcel.decide
def decide(state: Parcel, command: SendParcel, context: Context) -> list[ParcelSent]:
    """Send each parcel once."""
    if state.address:
        raise Reject("parcel.sent")
    return [ParcelSent(command.address)]


@parcel.evolve
def evolve(state: Parcel, event: ParcelSent) -> Parcel:
    """Remember the address."""
    return Parcel(event.address)


@app.consumer("depot", retry=Retry("1s", "10m", attempts=50), concurrency=4, timeout="20s")
async def tell_depot(event: ParcelSent, meta: EventMeta) -> None:
    """POST the event to ``DEPOT_URL``. What would be refused again is parked; all else is tried again."""
    body = {"parcel": meta.key, "address": event.address, "sent": meta.time.isoformat()}
    # A redirect or a proxy of the environment would lead the address to somebody who was not meant.
    async with httpx.AsyncClient(timeout=10, follow_redirects=False, trust_env=False, verify=_tls) as client:
        request = client.stream("POST", os.environ["DEPOT_URL"], json=body, headers={"Idempotency-Key": meta.effect_id})
        async with request as response:  # only the status counts: a body is not read, however long
            status = response.status_code
    if 400 <= status < 500 and status not in NOT_NOW:
        raise Undeliverable(f"the depot refused parcel {meta.key}: {status}")
    if not 200 <= status < 300:
        raise ConnectionError(f"the depot answered {status}")
