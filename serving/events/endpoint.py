"""`POST /v1/events`: events in, on disk before it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from features.clock import ForwardClock
from features.event_log import EventConflictError, EventLogError, NewEvent
from serving.events.accepted import Refusals, accepted
from serving.events.schemas import HINTS, Event
from serving.events.writer import EventWriter, TooBusyError
from serving.observe.counts import Tally, no_tally
from serving.problems import FieldError, Problem, refuse_json, refuse_values
from serving.queue import QUEUE
from serving.reading import holds_list

__all__ = ["EventsEndpoint"]

_CHUNK = 100  # events made ready before other clients get their turn
_now = ForwardClock()  # of a clock that is set back an hour all events would lie in the future


class EventsEndpoint:
    """Takes one event, or a list of them.

    Parameters
    ----------
    writer
        Puts them on disk.
    max_items
        Most events in one list.
    tally
        Counts what became of the events.
    """

    def __init__(self, writer: EventWriter, *, max_items: int, tally: Tally = no_tally) -> None:
        self._tally = tally
        self._writer = writer
        self._one = TypeAdapter[Any](Event).validator.validate_json
        self._many = TypeAdapter[list[Any]](
            Annotated[list[Event], Field(min_length=1, max_length=max_items)]
        ).validator.validate_json

    async def __call__(self, body: bytes, request_id: str) -> bytes:
        """Answer a request body.

        Parameters
        ----------
        body
            JSON: an event, or a list of events.
        request_id
            Put into the answer.

        Returns
        -------
        bytes
            JSON: what became of each event.

        Raises
        ------
        Problem
            When the body is not JSON, a value cannot be used, an id stands for two contents, or the
            log cannot be written. Nothing of the request is kept then.
        """
        is_list = holds_list(body)
        try:
            events: Sequence[Any] = self._many(body) if is_list else (self._one(body),)
        except ValidationError as error:
            raise refuse_json(error, HINTS) from None
        ready = await _ready(events, is_list=is_list)
        numbers = await self._append(ready, body)
        statuses = [
            {
                "event_id": event.event_id,
                "status": "duplicate" if number is None else "accepted",
            }
            for event, number in zip(ready, numbers, strict=True)
        ]
        self._tally(statuses)
        duplicates = numbers.count(None)
        return orjson.dumps(
            {
                "request_id": request_id,
                "accepted": len(numbers) - duplicates,
                "duplicates": duplicates,
                "events": statuses,
            }
        )

    async def _append(self, events: Sequence[NewEvent], body: bytes) -> list[int | None]:
        try:
            with QUEUE.waiting_elsewhere(body):
                return await self._writer.append(events)
        except EventConflictError as error:
            raise Problem(
                HTTPStatus.CONFLICT,
                "event-conflict",
                "An event has the id of another",
                f"Event {error.event_id!r} was told of before with another content; nothing of "
                "this request was kept. Give what is new an id of its own.",
                errors=[FieldError("event_id", "is that of another event", error.event_id)],
            ) from None
        except TooBusyError:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "events-too-many",
                "Events arrive faster than they can be written",
                "Too many events wait to be written; nothing of this request was kept. Send it "
                "again, it counts once.",
                headers={"retry-after": "2"},
            ) from None
        except EventLogError as error:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "event-log-unusable",
                "The log of events cannot be written",
                f"{error}. Send the events again: what was kept already counts once.",
                headers={"retry-after": "10"},
            ) from error


async def _ready(events: Sequence[Any], *, is_list: bool) -> list[NewEvent]:
    """Make the events of the log; all that is wrong with any of them is told at once."""
    now_us = int(_now() * 1e6)
    ready: list[NewEvent] = []
    errors: list[FieldError] = []
    for place, event in enumerate(events):
        if place and place % _CHUNK == 0:
            await QUEUE.turn()
        wrong = Refusals(f"[{place}]." if is_list else "")
        made = accepted(event, now_us, wrong)
        errors += wrong
        if made is not None:
            ready.append(made)
    if errors:
        raise refuse_values(errors)
    return ready
