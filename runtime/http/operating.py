"""What an operator does while the process runs: effects that are parked, consumers that are paused, a rebuild."""

from collections.abc import Sequence
from typing import Annotated, get_args

import msgspec
from msgspec import Meta, Struct, structs
from starlette.requests import Request
from starlette.responses import Response

from ...stores.effect_records import EffectRecord, EffectState
from .fields import Fields
from .json_answer import answer_json
from .pages import Page, link
from .problems import MALFORMED, ProblemFound
from .requests import Readings, read_body, read_options
from .room import Share
from .service import Service

__all__ = ["Operating"]

STATES: tuple[EffectState, ...] = get_args(EffectState)
LARGEST_BODY = 8 << 20
MOST_NAMED = 100
"""Effects that are listed by their ids, and so as rendered."""


class EffectIds(Struct, frozen=True, forbid_unknown_fields=True):
    """Which effects."""

    effect_ids: Annotated[tuple[str, ...], Meta(min_length=1)]


class EffectOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Which effects are listed; those that fit all that is given."""

    consumer: str | None = None
    states: str = ""
    """Separated by commas."""
    ids: str = ""
    """Separated by commas."""
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 100


class RebuildOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What the URL of a rebuild may say."""

    back: bool = False


class Operating:
    """Takes an operator's hand to what runs."""

    def __init__(self, service: Service, readings: Readings) -> None:
        self._service = service
        self._readings = readings

    async def effects(self, request: Request) -> Response:
        """Tell effects with their states and last errors, oldest first; those that are named by id, as rendered."""
        options = read_options(request.scope["query_string"], EffectOptions)
        states = _names(options.states)
        unknown = ", ".join(state for state in states if state not in STATES)
        if unknown:
            raise ProblemFound(MALFORMED, f"There is no state {unknown} of an effect. There are: {', '.join(STATES)}.")
        effect_ids = _names(options.ids)
        if len(effect_ids) > MOST_NAMED:
            raise ProblemFound(MALFORMED, f"{len(effect_ids)} ids are too many. Ask for {MOST_NAMED} at a time.")
        found = await self._service.effects(
            consumer=options.consumer,
            states=[state for state in STATES if state in states],
            effect_ids=effect_ids,
            limit=options.limit,
            payloads=False,
        )
        if not effect_ids:
            return answer_json({"effects": [_without_payload(effect) for effect in found]})
        return answer_json(await self._as_rendered(request, [effect.effect_id for effect in found]))

    async def retry(self, request: Request) -> Response:
        """Try parked effects again."""
        return await self._release(request, again=True)

    async def discard(self, request: Request) -> Response:
        """Give up parked effects for good."""
        return await self._release(request, again=False)

    async def resume(self, request: Request) -> Response:
        """Let a paused consumer send again, and tell how many effects it has to send."""
        Fields.of(request.scope).require_type("application/json")
        return answer_json(await self._service.resume_consumer(request.path_params["consumer"]))

    async def rebuild(self, request: Request) -> Response:
        """Fill a new generation of the read database, or go back to the one before, and answer once it serves.

        A client that goes away ends nothing.

        Raises:
            RebuildUnderWay: one rebuild at a time.
            NoPreviousGeneration: there is none to go back to.
            ProjectionFailed, UnknownEvent: an event could not be projected; the present generation serves on.
            RebuildStopped: the runtime stops.
            ProblemFound: the body is not declared as JSON, or a parameter makes no sense.
        """
        Fields.of(request.scope).require_type("application/json")
        back = read_options(request.scope["query_string"], RebuildOptions).back
        return answer_json(await (self._service.rebuild_back() if back else self._service.rebuild()))

    async def rebuilding(self, _request: Request) -> Response:
        """Tell how far a rebuild is."""
        return answer_json({"progress": self._service.rebuilding()})

    async def _as_rendered(self, request: Request, effect_ids: Sequence[str]) -> dict[str, object]:
        page = Page()
        for place, effect_id in enumerate(effect_ids):
            (effect,) = await self._service.effects(effect_ids=[effect_id])  # one by one: it may have 10 MiB
            if not page.add(effect):
                return {"effects": page.items, "next": link(request, ids=",".join(effect_ids[place:]))}
        return {"effects": page.items}

    async def _release(self, request: Request, *, again: bool) -> Response:
        fields = Fields.of(request.scope)
        fields.require_type("application/json")
        with Share(self._readings.room) as share:
            body = await read_body(request.scope, fields, request.receive, self._readings, share, LARGEST_BODY)
            try:
                effect_ids = msgspec.json.decode(body, type=EffectIds).effect_ids
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                raise ProblemFound(MALFORMED, f'{error}. Send {{"effect_ids": ["…"]}}.') from None
        return answer_json({"released": await self._service.release_effects(effect_ids, again=again)})


def _without_payload(effect: EffectRecord) -> dict[str, object]:
    facts = structs.asdict(effect)
    del facts["payload"]
    return facts


def _names(text: str) -> list[str]:
    return text.split(",") if text else []
