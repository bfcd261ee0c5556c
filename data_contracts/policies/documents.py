"""What a policy file may hold. The published JSON Schema is made from these models."""

from __future__ import annotations

import datetime
import functools
import re
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from data_contracts.policies.situation import ABUSE_BAND
from data_contracts.tables import AUDIENCE, CONDITION, RETURN_REASON

__all__ = [
    "LAYER",
    "SANCTION",
    "UNINSPECTED",
    "ExchangeRates",
    "Groups",
    "Money",
    "PolicyFile",
    "Rule",
    "TermValues",
    "When",
]

LAYER = ("default", "market", "category", "shop")
"""Layers, weakest first."""
SANCTION = (
    "no_fast_track",
    "no_keep_item",
    "no_coupon",
    "tracked_return",
    "photo_evidence",
    "inspect_first",
    "review",
)
"""What a shop may do about an abuse band. None of them denies a claim: a person decides that."""
UNINSPECTED = "uninspected"
"""Key of the resale share of goods that nobody has inspected."""

_MONEY = re.compile(r"(-?\d+(?:\.\d+)?) ([A-Z]{3})")
_LARGEST = 1e12


class Money(NamedTuple):
    """An amount and its ISO 4217 currency."""

    amount: float
    currency: str

    def __str__(self) -> str:
        return f"{Decimal(repr(self.amount)).normalize():f} {self.currency}"


def _money(value: object) -> Money:
    if isinstance(value, Money):
        return value
    match = _MONEY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be an amount and its currency; write it as 20 USD")
    amount = float(match[1])
    if not 0 <= amount <= _LARGEST:
        raise ValueError("must not be below 0 or above 1e12; write it as 20 USD")
    return Money(amount, match[2])


def _no_truth(value: object) -> object:
    """Pydantic takes true for 1; a person who writes true for a number means something else."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004 (pydantic's way)
    return value


_Number = BeforeValidator(_no_truth)
Days = Annotated[int, Field(ge=0, le=3650), _Number]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _Number]
Amount = Annotated[
    Money,
    BeforeValidator(_money),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d+(\.\d+)? [A-Z]{3}$", "examples": ["20 USD"]}
    ),
]
Flag = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=120)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=500)]
Currency = Annotated[str, Field(strict=True, pattern=r"^[A-Z]{3}$")]


def _without_null_default(schema: dict[str, Any]) -> None:
    for each in schema.get("properties", {}).values():
        if each.get("default", ...) is None:
            del each["default"]


_PAIRS = (
    ("partial_refund_share_min", "partial_refund_share_max"),
    ("fast_track_below", "inspect_above"),
)


def _only_currencies(schema: dict[str, Any]) -> None:
    schema["properties"]["per_base"]["additionalProperties"] = False


def _terms_together(schema: dict[str, Any]) -> None:
    _without_null_default(schema)
    schema["minProperties"] = 1
    schema["properties"]["resale_share"]["required"] = [*CONDITION, UNINSPECTED]
    schema["properties"]["abuse_bands"]["required"] = list(ABUSE_BAND[1:])
    schema["dependentRequired"] = {a: [b] for x, y in _PAIRS for a, b in ((x, y), (y, x))}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_without_null_default)

    @functools.cached_property
    def given(self) -> dict[str, Any]:
        """Keys that the file gives, in the order of the model."""
        return {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name in self.model_fields_set
        }


def _key(description: str) -> Any:
    """Declare a key that may be left out but never be null."""
    return Field(default=None, description=description)


class When(_Strict):
    """Situations a rule is for: all keys given must hold; no key, every situation."""

    markets: Names = _key("ISO 3166 alpha-2 codes or names of groups of markets.")
    markets_except: Names = _key("Every market but these, and where the market is not told.")
    categories: Names = _key("Kinds of goods in the shop's words, or names of groups.")
    categories_except: Names = _key("Every kind of goods but these.")
    audiences: Names = _key(f"Any of {', '.join(AUDIENCE)}.")
    hygiene_sealed: Flag = _key("Goods sealed for hygiene.")
    opened: Flag = _key("The seal is broken.")
    custom_made: Flag = _key("Made to the buyer's specification.")
    reasons: Names = _key(f"Any of {', '.join(RETURN_REASON)}, or names of groups.")
    reasons_except: Names = _key("Every reason but these, and where no reason is told.")
    conditions: Names = _key(f"As inspected: any of {', '.join(CONDITION)}.")
    abuse_bands: Names = _key(f"Any of {', '.join(ABUSE_BAND)}.")
    value_from: Amount = _key("Value of the goods claimed is this or more.")
    value_below: Amount = _key("Value of the goods claimed is less than this.")
    days_after: Days = _key("More days than this have gone by since delivery.")
    days_up_to: Days = _key("So many days have gone by since delivery, or fewer.")

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> When:
        for name in ("markets", "categories", "reasons"):
            if {name, f"{name}_except"} <= self.model_fields_set:
                raise ValueError(f"give '{name}' or '{name}_except', not both")
        if {"days_after", "days_up_to"} <= self.model_fields_set and (
            self.days_after >= self.days_up_to
        ):
            raise ValueError(
                f"days_after = {self.days_after} is not below days_up_to = {self.days_up_to}, "
                "so the rule is for no claim; swap them"
            )
        return self


class Fade(_Strict):
    """From this day after launch on, goods resell for this share of what they did when new."""

    from_day: Days
    share: Share


class TermValues(_Strict):
    """Terms a rule sets. Money is an amount and its currency, shares lie between 0 and 1."""

    model_config = ConfigDict(json_schema_extra=_terms_together)

    currency: Currency = _key("Currency of the market, where the line names none.")
    withdrawal_days: Days = _key("Statutory right to withdraw without a reason; 0 is none.")
    return_window_days: Days = _key("The shop's own window; 0 is none.")
    reject_faulty_days: Days = _key("Right to reject faulty goods for a full refund.")
    fault_claim_days: Days = _key("How long a fault may be claimed at all.")
    refund_within_days: Days = _key("The refund is due so many days after the claim.")
    returnable: Flag = _key("May be sent back at all for the reason claimed.")
    quality_only: Flag = _key("May be sent back for faults only.")
    restocking_fee_share: Share = _key("Share of the price kept from the refund.")
    refund_outbound_shipping: Flag = _key("Standard shipping to the buyer is refunded too.")
    buyer_pays_return: Flag = _key("The buyer pays for the way back.")
    keep_item_below: Amount = _key("Below this value a refund needs no return.")
    partial_refund_share_min: Share = _key("Least share refunded to a buyer who keeps a flaw.")
    partial_refund_share_max: Share = _key("Greatest share refunded to a buyer who keeps a flaw.")
    exchange_allowed: Flag = _key("Another size or colour may be offered.")
    repair_allowed: Flag = _key("A repair may be offered.")
    repair_cost: Amount = _key("What a repair costs the shop.")
    coupon_share: Share = _key("Discount offered with an exchange.")
    warehouse: Name = _key("Where goods go back to.")
    return_shipping: Amount = _key("A parcel's way back.")
    outbound_shipping: Amount = _key("A parcel's way to the buyer.")
    handling: Amount = _key("Receiving, inspecting and shelving one piece.")
    duty_share: Share = _key("Import duty paid, as a share of the price.")
    duty_reclaim_share: Share = _key("Share of that duty that comes back with the goods.")
    resale_share: dict[Literal[(*CONDITION, UNINSPECTED)], Share] = _key(  # type: ignore[valid-type]
        "Share of the price the goods resell for, by condition."
    )
    resale_fade: Annotated[tuple[Fade, ...], Field(min_length=1, max_length=50)] = _key(
        "How resale falls with days since launch."
    )
    margin_share: Share = _key("What a kept sale earns, as a share of the price.")
    warning_drop_share: Share = _key("Share of buyers who drop a line they are warned about.")
    fast_track_below: Amount = _key("Claims below this value may be settled at once.")
    inspect_above: Amount = _key("Claims above this value are inspected before the refund.")
    abuse_bands: dict[Literal["medium", "high", "severe"], Share] = _key(
        "Abuse score from which each band begins; below the first it is low."
    )
    sanctions: dict[Literal[ABUSE_BAND], tuple[Literal[SANCTION], ...]] = _key(  # type: ignore[valid-type]
        "What is done about each abuse band. Nothing denies a claim."
    )

    @field_validator("resale_share")
    @classmethod
    def _every_condition(cls, value: dict[str, float]) -> dict[str, float]:
        missing = [name for name in (*CONDITION, UNINSPECTED) if name not in value]
        if missing:
            raise ValueError(f"must give every condition; {', '.join(missing)} is missing")
        return value

    @field_validator("resale_fade")
    @classmethod
    def _days_in_order(cls, value: tuple[Fade, ...]) -> tuple[Fade, ...]:
        days = [each.from_day for each in value]
        if days[0] != 0 or days != sorted(set(days)):
            raise ValueError("from_day must begin at 0 and grow from step to step")
        return value

    @field_validator("abuse_bands")
    @classmethod
    def _bands_in_order(cls, value: dict[str, float]) -> dict[str, float]:
        missing = [name for name in ABUSE_BAND[1:] if name not in value]
        if missing:
            raise ValueError(f"must give every band; {', '.join(missing)} is missing")
        if not value["medium"] < value["high"] < value["severe"]:
            raise ValueError("must grow from medium to high to severe")
        return value

    @model_validator(mode="after")
    def _pairs(self) -> TermValues:
        if not self.model_fields_set:
            raise ValueError("sets no term; name at least one")
        for one, other in _PAIRS:
            # A range is set by one rule, or a later rule could turn it inside out.
            if len({one, other} & self.model_fields_set) == 1:
                raise ValueError(f"give '{one}' and '{other}' together")
        (low, high), (below, above) = _PAIRS
        if low in self.model_fields_set and getattr(self, low) > getattr(self, high):
            raise ValueError(
                f"{low} = {getattr(self, low):g} is above {high} = {getattr(self, high):g}; "
                "swap them"
            )
        if below in self.model_fields_set:
            least, most = self.fast_track_below, self.inspect_above
            if least.currency != most.currency:
                raise ValueError(f"{below} = {least} and {above} = {most}: use one currency")
            if least.amount > most.amount:
                raise ValueError(f"{below} = {least} is above {above} = {most}; swap them")
        return self


class Rule(_Strict):
    """One rule: for which situations, what it sets, and why in plain words."""

    id: Annotated[str, Field(strict=True, pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$", max_length=80)]
    text: Annotated[str, Field(strict=True, min_length=1, max_length=2000)]
    statutory: Flag = Field(default=False, description="The law sets it; no shop rule takes it.")
    exception_to: Names = _key("Rules of the same file that this one is an exception to.")
    when: When = Field(default_factory=When)
    set: TermValues


class Groups(_Strict):
    """Names for lists. A later file adds members and never removes any."""

    markets: dict[Name, Names] = {}
    categories: dict[Name, Names] = {}
    reasons: dict[Name, Names] = {}


class ExchangeRates(_Strict):
    """How much of each currency one unit of the base buys."""

    model_config = ConfigDict(json_schema_extra=_only_currencies)

    as_of: datetime.date
    base: Currency
    per_base: dict[Currency, Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False), _Number]]


class PolicyFile(_Strict):
    """A policy file."""

    layer: Literal["default", "market", "category", "shop"] = "shop"
    about: Annotated[str, Field(max_length=4000)] = ""
    groups: Groups = Field(default_factory=Groups)
    exchange_rates: ExchangeRates = _key("Added to, and taken before, those of earlier files.")
    rules: Annotated[tuple[Rule, ...], Field(max_length=2000)] = ()
