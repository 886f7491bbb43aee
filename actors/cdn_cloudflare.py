"""Cloudflare as the CDN: one purge, one POST to its API.

Everything that could lead a call elsewhere is off: redirects, proxies and credentials of the environment, addresses
that are not public. An answer is read as it arrives and up to a limit, within a time that covers the whole call.
The token is in the headers of the client and in nothing that leaves here.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from anyio import to_thread

from .cdn_answer import end_by_body, end_by_status, shown
from .cdn_purger import PurgeCall
from .cdn_settings import CdnSettings
from .delivery import Delivery, Paused, TryAgain
from .kernel.clock import Clock

if TYPE_CHECKING:
    from httpx import AsyncClient

__all__ = ["Cloudflare"]

API = "https://api.cloudflare.com/client/v4"
LARGEST_ANSWER = 1 << 20
"""Bytes. A real answer has a few hundred."""


class _NotPublic(Exception):
    """The name of the API led to an address that is not on the internet."""


class Cloudflare:
    """A `CdnProvider`. It makes one call at a time, at the rate of the settings, over one connection kept for seconds.

    `api` and `private`, which admits any address, are for tests on loopback. httpx is imported by the first call.
    """

    def __init__(self, settings: CdnSettings, clock: Clock, *, api: str = API, private: bool = False) -> None:
        self._url = f"{api}/zones/{settings.zone_id}/purge_cache"
        self._token = settings.token
        self._timeout = settings.timeout
        self._gap = 1 / settings.calls_per_second
        self._clock = clock
        self._private = private
        self._next_call = clock.monotonic()
        self._one_at_a_time = anyio.Lock()
        self._client: AsyncClient | None = None

    async def send(self, call: PurgeCall) -> Delivery:
        """Make `call`. What denies access is asked once more: the API has been seen to deny it to good tokens."""
        async with self._one_at_a_time:
            end = await self._attempt(call)
            return await self._attempt(call) if isinstance(end, Paused) else end

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with anyio.move_on_after(self._timeout, shield=True):
                await client.aclose()

    async def _attempt(self, call: PurgeCall) -> Delivery:
        if self._client is None:
            try:
                # On a thread: the import and the certificates take a tenth of a second.
                self._client = await to_thread.run_sync(_make_client, self._token)
            except ImportError as error:
                return Paused(f"The provider cloudflare needs httpx, which cannot be imported ({error}). Install it")
        await self._turn()
        with anyio.move_on_after(self._timeout):
            return await self._post(self._client, call)
        return TryAgain(f"The CDN's API took longer than {self._timeout:g} s", slow_down=True)

    async def _turn(self) -> None:
        """Wait until the next call may be made."""
        wait = self._next_call - self._clock.monotonic()
        if wait > 0:
            await self._clock.sleep(wait)
        self._next_call = self._clock.monotonic() + self._gap

    async def _post(self, client: "AsyncClient", call: PurgeCall) -> Delivery:
        from httpx import HTTPError  # noqa: PLC0415 - a machine without it runs everything else

        body = bytearray()
        extensions = {} if self._private else {"trace": _refuse_private}
        try:
            content = msgspec.json.encode(call.body)
            async with client.stream("POST", self._url, content=content, extensions=extensions) as response:
                status = response.status_code
                end = end_by_status(status, response.headers, self._clock.now())
                if end is not None:
                    return end
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > LARGEST_ANSWER:
                        what = f"The CDN's API answered {status} with more than {LARGEST_ANSWER} bytes"
                        return TryAgain(what, slow_down=True)
        except (HTTPError, OSError, _NotPublic) as error:
            reason = shown(f"{type(error).__name__}: {error}", self._token)
            return TryAgain(f"The CDN's API was not reached: {reason}", slow_down=True)
        return end_by_body(status, bytes(body), self._token)


def _make_client(token: str) -> "AsyncClient":
    from httpx import AsyncClient, Limits  # noqa: PLC0415 - see above

    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        # What is packed could unpack to any size.
        "Accept-Encoding": "identity",
        "User-Agent": "twofold",
    }
    return AsyncClient(
        headers=headers,
        timeout=None,  # noqa: S113 - each call has one for the whole of it
        limits=Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=5.0),
        verify=True,
        trust_env=False,
        follow_redirects=False,
        http2=False,
    )


async def _refuse_private(event: str, info: Mapping[str, Any]) -> None:
    """End a connection that leads to no public address, before a byte is sent."""
    if event != "connection.connect_tcp.complete":
        return
    stream = info["return_value"]
    host = stream.get_extra_info("server_addr")[0]
    if not ip_address(host.partition("%")[0]).is_global:
        await stream.aclose()
        raise _NotPublic(f"its name leads to {host}, which is no public address")
