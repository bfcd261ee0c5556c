"""Request and response of `POST /v1/events`, as pydantic models made of the contracts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Union, cast

from pydantic import BaseModel, Field, create_model

from data_contracts.schema import Column
from data_contracts.tables import TABLES
from features.access_keys import LOADER
from features.live.rows import KINDS, LATER, MOMENT, TABLE_OF
from serving.events.columns import bounds_of, data_model, field_of, id_field, patterns_of
from serving.events.examples import EXAMPLES
from serving.measures import BODY_BOUNDS, MEASURE_HINTS, Measurements
from serving.operation import Example, Operation
from serving.problems import Hints
from serving.schema_base import RequestModel

__all__ = ["COLUMNS", "EVENTS", "HINTS", "SIZES", "TOLD_WHEN", "Event", "EventsResponse"]

TOLD_WHEN: Final = frozenset({"product", "customer"})
"""Kinds without a moment of their own: the sender says when it was so."""
_DOCS: Final = {
    "product": "A product with all its sizes: takes the place of what was told of it before.",
    "customer": "An account: takes the place of what was told of it before.",
    "measurement": "A body, at a moment.",
    "order_line": "One line of an order, as it was placed. Told of again with the same order and "
    "moment it is corrected; the same id in another order or of another moment changes nothing.",
    "shipment": "A line is on its way.",
    "delivery": "A line has arrived.",
    "return": "A claim: somebody asks to send a line back. Told of again with the same line and "
    "moment it is corrected; the same id on another line or of another moment changes nothing.",
    "inspection": "What came back.",
    "settlement": "How a claim was settled.",
    "feedback": "A word on the fit of a line.",
    "decision": "What was decided about the honesty of a claim.",
}
_SIZES_OF: Final = "product_sizes"


def _columns(kind: str) -> tuple[Column, ...]:
    """What an event of this kind tells: of a row that grows, the part it adds."""
    table = TABLES[TABLE_OF[kind]]
    if kind in LATER:
        names = {*table.key, *LATER[kind]}
        return tuple(column for column in table.columns if column.name in names)
    later = _later(kind)
    return tuple(column for column in table.columns if column.name not in later)


def _later(kind: str) -> dict[str, str]:
    """Columns of its row that another kind tells, and which."""
    if kind in LATER:
        return {}
    return {
        name: other
        for other, names in LATER.items()
        if TABLE_OF[other] == TABLE_OF[kind]
        for name in sorted(names)
    }


COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {kind: _columns(kind) for kind in KINDS}
"""What each kind of event tells, in the order of the contract."""
SIZES: Final = tuple(each for each in TABLES[_SIZES_OF].columns if each.name != "product_id")
"""What is told of a size of a product."""

_ProductSize = data_model("ProductSize", TABLES[_SIZES_OF].doc, SIZES)


def _data(kind: str) -> type[RequestModel]:
    name = f"{kind.title().replace('_', '')}Data"
    columns = COLUMNS[kind]
    if kind == "measurement":  # figures may come in other units, read as size advice reads them
        columns = tuple(each for each in columns if each.name not in Measurements.model_fields)
        return data_model(name, _DOCS[kind], columns, base=Measurements)
    more: dict[str, Any] = {}
    if kind == "product":
        sizes = list[_ProductSize]  # type: ignore[valid-type]
        more["sizes"] = (sizes, Field(default=[], description="All its sizes."))
    required = () if kind in TOLD_WHEN else (MOMENT[kind],)
    return data_model(name, _DOCS[kind], columns, required=required, more=more)


def _event(kind: str) -> type[RequestModel]:
    moment = MOMENT[kind]
    told = field_of(
        Column(
            "at",
            "time",
            required=kind in TOLD_WHEN,
            doc="When it was so."
            if kind in TOLD_WHEN
            else f"The moment it tells of: the same as `{moment}`, and need not be sent.",
        )
    )
    model: type[RequestModel] = create_model(
        f"{kind.title().replace('_', '')}Event",
        __base__=RequestModel,
        __doc__=_DOCS[kind],
        __module__=__name__,
        event_id=(id_field("Your name for it: sent again, it counts once."), ...),
        kind=(cast("Any", Literal[kind]), ...),
        at=told,
        data=(_data(kind), ...),
    )
    return model


_MODELS: Final = {kind: _event(kind) for kind in KINDS}
Event: Any = Annotated[Union[tuple(_MODELS.values())], Field(discriminator="kind")]  # noqa: UP007
"""An event of any kind."""


class EventStatus(BaseModel):
    """What became of one event."""

    event_id: str
    status: Literal["accepted", "duplicate"]


class EventsResponse(BaseModel):
    """The events are in the log for good."""

    request_id: str
    accepted: int = Field(description="Events that were new.")
    duplicates: int = Field(description="Events that were in the log already; nothing changed.")
    events: list[EventStatus] = Field(description="Each event, in the order sent.")


def _hints(kind: str) -> Hints:
    columns = COLUMNS[kind]
    every = (*columns, *SIZES) if kind == "product" else columns
    frame = (Column("event_id", "text", required=True), Column("at", "time", required=False))
    data = _MODELS[kind].model_fields["data"].annotation
    assert data is not None
    measured = kind == "measurement"
    return Hints(
        fields={
            "": tuple(_MODELS[kind].model_fields),
            "data": tuple(data.model_fields),
            "sizes": tuple(each.name for each in SIZES),
        },
        bounds=bounds_of(every) | (BODY_BOUNDS if measured else {}),
        patterns=patterns_of((*frame, *every)) | (MEASURE_HINTS if measured else {}),
        instead={
            name: f"is told by an event of kind {other!r}" for name, other in _later(kind).items()
        },
    )


HINTS: Final = {kind: _hints(kind) for kind in KINDS}
"""What a refused event is told, by kind."""

EVENTS: Final = Operation(
    path="/v1/events",
    scope=LOADER,
    operation_id="tellEvents",
    summary="What has happened in the shop?",
    description="Orders, deliveries, claims, words on the fit, measurements, accounts and goods, "
    "each with an id of the sender's. It is answered once the events are on disk; sending them "
    "again changes nothing. Of a request with an event that cannot be used nothing is kept. The "
    "answers of the service follow within a second or so: `/readyz` tells how far behind they are. "
    "Events may come in any order; one that tells of a moment before the horizon "
    "(`MUSLIN_HORIZON_HOURS`) counts from the next filling of the state on. Times without a zone "
    "are UTC.",
    requests=tuple(_MODELS.values()),
    response=EventsResponse,
    answer="The events are in the log for good.",
    status=202,
    item="event",
    one_answer=True,
    examples=(
        *(Example(kind, _DOCS[kind], EXAMPLES[kind]) for kind in KINDS),
        Example("list", "Several events at once", list(EXAMPLES.values())[:3]),
    ),
    problems={"409": "An event has the id of another with a different content."},
)
"""The endpoint as it is documented."""
