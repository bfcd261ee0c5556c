"""Request and response of return risk, as pydantic models.

Two moments, two shapes. A basket at checkout has lines without any delivery field, so no request
can smuggle in what is only known later; a delivered order has lines that must tell when they
arrived.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)
from pydantic.config import JsonDict

from data_contracts.tables import SELF
from features.access_keys import STOREFRONT
from features.questions import BasketLine, BasketQuestion, Delivered
from models.return_risk.cost import Action
from serving.measures import BODY_BOUNDS, MEASURE_HINTS, Measurements
from serving.operation import Example, Operation
from serving.problems import Hints
from serving.schema_base import (
    PATTERNS,
    Currency,
    CustomerId,
    Degraded,
    LocaleTag,
    Market,
    ModelName,
    Probability,
    RequestModel,
    Wearer,
    in_words,
    text_field,
)

__all__ = [
    "HINTS",
    "MOST_LINES",
    "RETURN_RISK",
    "CheckoutBasket",
    "CheckoutLine",
    "DeliveredBasket",
    "DeliveredLine",
    "ReturnRiskRequest",
    "ReturnRiskResponse",
    "moment_of",
]

MOST_LINES: Final = 1_000
"""Most lines of a basket."""

_PRICE = (0.0, 1e9, "")
_PIECES = (1, 10_000, "pieces")
_WEIGHT = (0.0, 1e6, "g")
_EARLIEST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
_CLOCK_SKEW = dt.timedelta(days=1)


class CheckoutLine(RequestModel):
    """A line of a basket that is not bought yet. It has no delivery field."""

    product_id: Annotated[str, text_field(200, "The product.")]
    size: Annotated[str, text_field(40, "Size label, as the product's.")] | None = None
    colour: Annotated[str, text_field(100, "Colour, in the shop's words.")] | None = None
    quantity: int = Field(default=1, ge=_PIECES[0], le=_PIECES[1], description="Pieces.")
    unit_price: float | None = Field(
        default=None,
        ge=_PRICE[0],
        le=_PRICE[1],
        allow_inf_nan=False,
        description="Price of a piece in `currency`; the product's own on record unless sent.",
    )

    def basket_line(self) -> BasketLine:
        """Put the line as the model's."""
        return BasketLine(
            product_id=self.product_id,
            size_label=self.size,
            colour=self.colour,
            quantity=self.quantity,
            unit_price=self.unit_price,
        )


class DeliveredLine(CheckoutLine):
    """A line that has arrived."""

    ordered_at: AwareDatetime = Field(description="When it was ordered, with its time zone.")
    promised_at: AwareDatetime | None = Field(
        default=None, description="When it was promised to arrive."
    )
    delivered_at: AwareDatetime = Field(description="When it arrived; not before it was ordered.")
    shipped_weight_g: float | None = Field(
        default=None,
        ge=_WEIGHT[0],
        le=_WEIGHT[1],
        allow_inf_nan=False,
        description="Weight of what was sent, g.",
    )

    @field_validator("ordered_at", "promised_at", "delivered_at")
    @classmethod
    def _in_our_time(cls, moment: dt.datetime | None, info: ValidationInfo) -> dt.datetime | None:
        if moment is None:
            return None
        if moment < _EARLIEST:
            raise ValueError(f"must not be before {_EARLIEST.date()}")
        if info.field_name != "promised_at":
            now = dt.datetime.now(dt.UTC)
            if moment > now + _CLOCK_SKEW:  # a clock may be wrong, or its time zone
                raise ValueError(f"must not lie in the future; it is {now:%Y-%m-%dT%H:%MZ}")
        elif moment.year > 9000:
            raise ValueError("must not lie so far in the future")
        ordered = info.data.get("ordered_at")
        if info.field_name == "delivered_at" and ordered is not None and moment < ordered:
            raise ValueError(f"must not be before ordered_at, {ordered.isoformat()}")
        return moment

    def basket_line(self) -> BasketLine:
        """Put the line as the model's."""
        return BasketLine(
            product_id=self.product_id,
            size_label=self.size,
            colour=self.colour,
            quantity=self.quantity,
            unit_price=self.unit_price,
            delivered=Delivered(
                ordered_at=self.ordered_at.timestamp(),
                delivered_at=self.delivered_at.timestamp(),
                promised_at=self.promised_at.timestamp() if self.promised_at else None,
                shipped_weight_g=self.shipped_weight_g,
            ),
        )


class _Basket(RequestModel):
    """What both moments ask."""

    customer_id: CustomerId | None = None
    market: Market | None = None
    locale: LocaleTag | None = None
    currency: Currency | None = None
    wearer: Wearer | None = None
    measurements: Measurements | None = None

    def question(self, asked_at: float) -> BasketQuestion:
        """Put the request as the model's question.

        Parameters
        ----------
        asked_at
            Moment of the request, seconds since the epoch (UTC).
        """
        lines: list[CheckoutLine] = self.lines  # type: ignore[attr-defined]
        market = self.market.upper() if self.market else None
        return BasketQuestion(
            lines=tuple([line.basket_line() for line in lines]),
            asked_at=asked_at,
            customer_id=self.customer_id,
            wearer=self.wearer or SELF,
            market=market,
            currency=self.currency.upper() if self.currency else None,
            measurements=self.measurements.known(asked_at, market) if self.measurements else {},
        )


_CHECKOUT: JsonDict = {
    "customer_id": "c-77",
    "market": "DE",
    "locale": "de",
    "currency": "EUR",
    "lines": [
        {"product_id": "dress-1042", "size": "M", "colour": "red", "unit_price": 59.9},
        {"product_id": "dress-1042", "size": "L", "colour": "red", "unit_price": 59.9},
    ],
}
_BARE: JsonDict = {"lines": [{"product_id": "dress-1042"}]}
_DELIVERED: JsonDict = {
    "moment": "delivered",
    "customer_id": "c-77",
    "market": "DE",
    "currency": "EUR",
    "lines": [
        {
            "product_id": "dress-1042",
            "size": "M",
            "unit_price": 59.9,
            "ordered_at": "2025-05-02T09:30:00Z",
            "promised_at": "2025-05-06T12:00:00Z",
            "delivered_at": "2025-05-09T16:20:00Z",
            "shipped_weight_g": 420,
        }
    ],
}


class CheckoutBasket(_Basket):
    """Which lines of this basket will come back, and what helps?"""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHECKOUT, _BARE]})

    moment: Literal["checkout"] = "checkout"
    lines: list[CheckoutLine] = Field(
        min_length=1, max_length=MOST_LINES, description="The basket."
    )


class DeliveredBasket(_Basket):
    """Which lines of this order will come back, now that they have arrived?"""

    model_config = ConfigDict(json_schema_extra={"examples": [_DELIVERED]})

    moment: Literal["delivered"]
    lines: list[DeliveredLine] = Field(
        min_length=1, max_length=MOST_LINES, description="The lines that have arrived."
    )


def moment_of(sent: Any) -> str:
    """Tell which shape a request is meant to have."""
    if isinstance(sent, dict):
        return "delivered" if sent.get("moment") == "delivered" else "checkout"
    return "delivered" if getattr(sent, "moment", None) == "delivered" else "checkout"


ReturnRiskRequest = Annotated[
    Annotated[CheckoutBasket, Tag("checkout")] | Annotated[DeliveredBasket, Tag("delivered")],
    Discriminator(moment_of),
]
"""A basket of either moment."""


class RiskDriver(BaseModel):
    """Something that moved the line's probability."""

    code: str
    text: str | None = Field(description="A sentence for the shop, in the asked language.")
    effect: float = Field(description="How far it moved `p_return`; above 0 it raises it.")
    figures: dict[str, float | int | str]


class LabelChance(BaseModel):
    """The product in another size or colour."""

    label: str
    p_return: Probability


class RiskSuggestion(BaseModel):
    """A change of the line that lowers its risk."""

    kind: Literal["size", "colour"]
    label: str
    p_from: Probability
    p_to: Probability
    text: str


class Knows(BaseModel):
    """Orders on record behind a line's figures; null where they could not be looked up."""

    customer_orders: int | None = None
    product_orders: int | None = None


class RiskLineEntry(BaseModel):
    """One line of the basket."""

    product_id: str
    size: str | None
    colour: str | None
    p_return: Probability = Field(description="Calibrated chance that it comes back.")
    p_low: Probability = Field(description="With `p_high`: where the true chance lies, at 90 %.")
    p_high: Probability
    reasons: dict[str, Probability] = Field(description="Chance by reason; they sum to `p_return`.")
    drivers: list[RiskDriver] = Field(description="What moved it most, strongest first.")
    sizes: list[LabelChance] = Field(description="What if another size were taken.")
    colours: list[LabelChance] = Field(description="What if another colour were taken.")
    suggestions: list[RiskSuggestion] = Field(description="Best first.")
    duplicate_of: int | None = Field(
        description="Index of an earlier line with the same product in another size."
    )
    knows: Knows


class ExpectedCost(BaseModel):
    """What is expected to be lost on what comes back, if nothing is done."""

    amount: float
    currency: str
    lines: list[float | None] = Field(
        description="Of each line; null where neither the request nor our records have its price."
    )


class ActionReason(BaseModel):
    """Why this action."""

    text: str = Field(description="A sentence for the shop, in the asked language.")
    lines: list[int] = Field(description="Indexes of the lines it is about.")
    saving: float = Field(description="What it is expected to save, in the basket's currency.")
    costs: dict[Action, float] = Field(
        description="Expected cost of the basket under doing nothing and under each action that "
        "would save something; the action with the lowest is taken."
    )
    rules: list[str] = Field(description="Policy rules the costs come from.")


class RiskNotice(BaseModel):
    """Something about the request that was answered differently from what was asked."""

    code: Literal["without_history", "locale_not_available", "price_not_known"]
    text: str


class ReturnRiskResponse(BaseModel):
    """What is to be expected of the basket."""

    request_id: str
    model: ModelName
    degraded: Degraded
    moment: Literal["checkout", "delivered"]
    locale: str = Field(description="Language of the texts.")
    lines: list[RiskLineEntry]
    expected_cost: ExpectedCost
    action: Action
    action_reason: ActionReason
    message: str | None = Field(
        description="A sentence the shopper may be shown; null where nothing needs saying. It "
        "never speaks of the shopper's own returns."
    )
    notices: list[RiskNotice]


_BOUNDS = {
    **BODY_BOUNDS,
    "quantity": in_words(*_PIECES),
    "unit_price": in_words(*_PRICE).rstrip(),
    "shipped_weight_g": in_words(*_WEIGHT),
}
_DELIVERY = tuple(
    name for name in DeliveredLine.model_fields if name not in CheckoutLine.model_fields
)
_NOT_YET_KNOWN = dict.fromkeys(
    _DELIVERY,
    "is not known at checkout; for lines that have arrived send moment = delivered",
)


def _hints(basket: type[_Basket], line: type[CheckoutLine], extra: dict[str, str]) -> Hints:
    return Hints(
        fields={
            "": tuple(basket.model_fields),
            "lines": tuple(line.model_fields),
            "measurements": tuple(Measurements.model_fields),
        },
        bounds=_BOUNDS,
        patterns={**PATTERNS, **MEASURE_HINTS},
        instead={**extra, "moment": "must be one of 'checkout', 'delivered'"},
    )


HINTS: Final = {
    "checkout": _hints(CheckoutBasket, CheckoutLine, _NOT_YET_KNOWN),
    "delivered": _hints(DeliveredBasket, DeliveredLine, {}),
}
"""What a refused basket is told, by moment."""

RETURN_RISK = Operation(
    path="/v1/return-risk",
    scope=STOREFRONT,
    operation_id="assessReturnRisk",
    summary="Which lines of this basket will come back, why, and what helps?",
    description="At checkout a line has no delivery field; an order that has arrived is asked "
    "about with `moment` = `delivered`. An unknown product, customer, size or market is no error: "
    f"the answer is less sure. A basket has at most {MOST_LINES} lines, and a list of baskets as "
    "many lines in all as it may have questions.",
    requests=(CheckoutBasket, DeliveredBasket),
    response=ReturnRiskResponse,
    answer="What is to be expected of the basket.",
    examples=(
        Example("two_sizes", "The same dress in two sizes", _CHECKOUT),
        Example("product_only", "Nothing known but the product", _BARE),
        Example("delivered", "An order that has arrived", _DELIVERED),
        Example("list", "Baskets of both moments at once", [_CHECKOUT, _DELIVERED]),
    ),
)
"""The endpoint as it is documented."""
