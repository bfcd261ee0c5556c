"""The eight tables, each declared once.

Times are UTC; lengths cm; body weight kg; parcel weight g; money in the row's ISO 4217 currency;
markets ISO 3166 alpha-2; a blank is null, never a sentinel. Ids are text.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from data_contracts.schema import Column, ForeignKey, Kind, Operator, Rule, Table

__all__ = [
    "ABUSE_KIND",
    "ABUSE_LABEL",
    "AUDIENCE",
    "BODY_RANGES",
    "CONDITION",
    "DECIDED_BY",
    "FEEDBACK_SOURCE",
    "FIT",
    "FIT_PREFERENCE",
    "RESOLUTION",
    "RETURN_REASON",
    "SELF",
    "SIZE_MEASURES",
    "SIZE_SYSTEM",
    "TABLES",
    "Column",
    "ForeignKey",
    "Kind",
    "Operator",
    "Rule",
    "SizeSystem",
    "Table",
]

FIT = ("small", "fit", "large")
FEEDBACK_SOURCE = ("review", "survey", "return")
RETURN_REASON = (
    "too_small",
    "too_large",
    "colour_mismatch",
    "not_as_described",
    "quality_defect",
    "damaged_in_transit",
    "wrong_item",
    "late_delivery",
    "not_received",
    "changed_mind",
    "other",
)
CONDITION = ("as_new", "worn", "damaged", "different_item", "missing_parts", "empty")
RESOLUTION = ("refunded", "kept_item", "partial_refund", "exchanged", "rejected")
ABUSE_LABEL = ("abuse", "legitimate")
ABUSE_KIND = (
    "wardrobing",
    "item_swap",
    "empty_box",
    "false_not_received",
    "serial_returner",
    "bracketing",
    "account_farming",
)
DECIDED_BY = ("investigator", "chargeback", "model")
AUDIENCE = ("women", "men", "unisex", "girls", "boys", "baby")
SizeSystem = Literal[
    "ALPHA",
    "US",
    "UK",
    "EU",
    "FR",
    "IT",
    "DE",
    "ES",
    "CN",
    "JP",
    "KR",
    "AU",
    "BABY_CM",
    "BABY_MONTHS",
    "WAIST_INCH",
    "SHOE_EU",
    "SHOE_US",
    "SHOE_UK",
    "SHOE_CN",
    "SHOE_JP",
    "ONE",
]
SIZE_SYSTEM: tuple[SizeSystem, ...] = get_args(SizeSystem)
FIT_PREFERENCE = ("tight", "regular", "loose")
SELF = "self"
"""The wearer when no other person is named."""

BODY_RANGES = {
    "height_cm": (30.0, 250.0, "cm"),
    "weight_kg": (1.0, 400.0, "kg"),
    "chest_cm": (20.0, 250.0, "cm"),
    "waist_cm": (20.0, 250.0, "cm"),
    "hip_cm": (20.0, 250.0, "cm"),
    "foot_length_cm": (5.0, 45.0, "cm"),
}
"""What a human body can measure, from a preterm baby to the tallest adult: (min, max, unit)."""

SIZE_MEASURES = tuple(BODY_RANGES)
"""Measures a size chart may state, each as ``_min`` and ``_max``."""

_MARKET = r"[A-Z]{2}"
_CURRENCY = r"[A-Z]{3}"
_LOCALE = r"[A-Za-z]{2,3}(?:[_-][A-Za-z0-9]+)*"


def _must(name: str, kind: Kind, doc: str, **limits: Any) -> Column:
    return Column(name, kind, required=True, doc=doc, **limits)


def _may(name: str, kind: Kind, doc: str, **limits: Any) -> Column:
    return Column(name, kind, required=False, doc=doc, **limits)


def _body(name: str, doc: str, *, column: str | None = None) -> Column:
    low, high, unit = BODY_RANGES[name]
    return _may(column or name, "number", doc, minimum=low, maximum=high, unit=unit)


def _not_before(left: str, right: str) -> Rule:
    def short(name: str) -> str:
        return name.rsplit(".", maxsplit=1)[-1].removesuffix("_at")

    return Rule(f"{short(left)}_not_before_{short(right)}", left, ">=", right)


_PRODUCTS = Table(
    "products",
    "A garment, shoe or baby article; all its sizes and colours are one product.",
    (
        _must("product_id", "text", "The shop's id."),
        _must("category", "text", "Kind of garment, in the shop's words."),
        _may("brand", "text", "Brand or its id."),
        _may("audience", "text", "Whom it is made for.", allowed=AUDIENCE),
        _may("size_system", "text", "System its size labels belong to.", allowed=SIZE_SYSTEM),
        _may("price", "number", "Price now.", minimum=0.0, unit="currency"),
        _may("currency", "text", "ISO 4217 code of the price.", pattern=_CURRENCY),
        _may("material", "text", "Composition, in the shop's words."),
        _may("colours", "text_list", "Colours it is sold in."),
        _may("hygiene_sealed", "boolean", "Sealed for hygiene: not returnable once opened."),
        _may("launched_at", "time", "First day on sale."),
    ),
    key=("product_id",),
)

_PRODUCT_SIZES = Table(
    "product_sizes",
    "One size of one product, and the body it is cut for.",
    (
        _must("product_id", "text", "The product."),
        _must("size_label", "text", "The label as the shop writes it."),
        _must("size_rank", "number", "Order within the product, smallest first."),
        *(
            _body(measure, f"The {edge} {measure} the size is cut for.", column=f"{measure}_{end}")
            for measure in SIZE_MEASURES
            for end, edge in (("min", "smallest"), ("max", "largest"))
        ),
    ),
    key=("product_id", "size_label"),
    rules=tuple(
        Rule(f"{measure}_min_not_above_max", f"{measure}_min", "<=", f"{measure}_max")
        for measure in SIZE_MEASURES
    ),
    foreign_keys=(ForeignKey("product_id", "products", "product_id"),),
)

_CUSTOMERS = Table(
    "customers",
    "An account.",
    (
        _must("customer_id", "text", "The shop's id."),
        _may("market", "text", "ISO 3166 alpha-2 code of the home market.", pattern=_MARKET),
        _may("registered_at", "time", "When the account was opened."),
        _may(
            "birth_year",
            "integer",
            "Year of birth of the account's owner.",
            minimum=1900,
            maximum=2100,
            unit="years",
        ),
        _may("locale", "text", "Language and region of messages.", pattern=_LOCALE),
        _may("account_cluster", "text", "Hash that links accounts of one person or address."),
    ),
    key=("customer_id",),
)

_BODY_MEASUREMENTS = Table(
    "body_measurements",
    "What a person of an account measured at a moment.",
    (
        _must("customer_id", "text", "The account."),
        _must("wearer", "text", "Which person of the account.", default=SELF),
        _must("measured_at", "time", "When it was measured or told."),
        _body("height_cm", "Body height."),
        _body("weight_kg", "Body weight."),
        _body("chest_cm", "Chest or bust girth."),
        _body("waist_cm", "Waist girth."),
        _body("hip_cm", "Hip girth."),
        _body("foot_length_cm", "Heel to longest toe."),
        _may("cup", "text", "Bra cup letter, lower case."),
        _may("body_shape", "text", "Shape, in the shop's words."),
        _may("age_years", "number", "Age.", minimum=0.0, maximum=120.0, unit="years"),
        _may("birth_date", "time", "A child's day of birth."),
        _may("sex", "text", "Sex of the body: female, male, or the person's own word."),
        _may("fit_preference", "text", "How the person likes to wear.", allowed=FIT_PREFERENCE),
    ),
    key=("customer_id", "wearer", "measured_at"),
    time_column="measured_at",
    rules=(_not_before("measured_at", "birth_date"),),
    foreign_keys=(ForeignKey("customer_id", "customers", "customer_id"),),
)

_ORDER_LINES = Table(
    "order_lines",
    "One product in one size and colour in one order.",
    (
        _must("order_line_id", "text", "The shop's id."),
        _must("order_id", "text", "The order (basket) it belongs to."),
        _must("customer_id", "text", "Who ordered."),
        _must("product_id", "text", "What was ordered."),
        _may("size_label", "text", "The size as the shop writes it."),
        _may("colour", "text", "The colour."),
        _must("quantity", "integer", "Pieces ordered.", minimum=1, unit="pieces"),
        _may("unit_price", "number", "Price paid a piece.", minimum=0.0, unit="currency"),
        _may("list_price", "number", "Price before reductions.", minimum=0.0, unit="currency"),
        _must("currency", "text", "ISO 4217 code of all money in the row.", pattern=_CURRENCY),
        _may("market", "text", "ISO 3166 alpha-2 code of where it goes.", pattern=_MARKET),
        _may("channel", "text", "Where it was sold: web, app, a marketplace."),
        _may("wearer", "text", "Which person of the account it is for; null is not told."),
        _may("occasion", "text", "What it is wanted for, in the shop's words."),
        _must("ordered_at", "time", "When the order was placed."),
        _may("promised_at", "time", "When delivery was promised for."),
        _may("shipped_at", "time", "When it left the warehouse."),
        _may("delivered_at", "time", "When it reached the buyer."),
        _may("shipped_weight_g", "number", "Weight sent.", minimum=0.0, unit="g"),
        _may("ship_address_hash", "text", "Hash of the delivery address."),
        _may("device_hash", "text", "Hash of the ordering device."),
        _may("payment_method", "text", "How it was paid."),
    ),
    key=("order_line_id",),
    time_column="ordered_at",
    rules=(
        _not_before("promised_at", "ordered_at"),
        _not_before("shipped_at", "ordered_at"),
        _not_before("delivered_at", "ordered_at"),
        _not_before("delivered_at", "shipped_at"),
    ),
    foreign_keys=(
        ForeignKey("customer_id", "customers", "customer_id"),
        ForeignKey("product_id", "products", "product_id"),
    ),
)

_RETURNS = Table(
    "returns",
    "A request to send (part of) an order line back.",
    (
        _must("return_id", "text", "The shop's id."),
        _must("order_line_id", "text", "The line it is about."),
        _must("requested_at", "time", "When the buyer asked."),
        _may("received_at", "time", "When the parcel came back."),
        _must("reason", "text", "What the buyer says.", allowed=RETURN_REASON),
        _must("quantity", "integer", "Pieces returned.", minimum=1, unit="pieces"),
        _may("refund_amount", "number", "Money given back.", minimum=0.0, unit="currency"),
        _may("condition", "text", "What the inspection found.", allowed=CONDITION),
        _may("returned_weight_g", "number", "Weight that came back.", minimum=0.0, unit="g"),
        _may("resolution", "text", "How it was settled.", allowed=RESOLUTION),
        _may("closed_at", "time", "When it was settled."),
    ),
    key=("return_id",),
    time_column="requested_at",
    rules=(
        _not_before("requested_at", "order_lines.ordered_at"),
        _not_before("received_at", "requested_at"),
        _not_before("closed_at", "requested_at"),
        Rule("returned_not_more_than_ordered", "quantity", "<=", "order_lines.quantity"),
    ),
    foreign_keys=(ForeignKey("order_line_id", "order_lines", "order_line_id"),),
)

_FIT_FEEDBACK = Table(
    "fit_feedback",
    "How an ordered size fitted, as told.",
    (
        _must("order_line_id", "text", "The line it is about."),
        _must("source", "text", "Where it was told.", allowed=FEEDBACK_SOURCE),
        _must("given_at", "time", "When it was told."),
        _must("fit", "text", "The garment was too small, fitted, was too large.", allowed=FIT),
    ),
    key=("order_line_id", "source"),
    time_column="given_at",
    rules=(_not_before("given_at", "order_lines.ordered_at"),),
    foreign_keys=(ForeignKey("order_line_id", "order_lines", "order_line_id"),),
)

_ABUSE_LABELS = Table(
    "abuse_labels",
    "What was decided about the honesty of a return.",
    (
        _must("return_id", "text", "The return."),
        _must("customer_id", "text", "Who asked for it."),
        _must("label", "text", "The decision.", allowed=ABUSE_LABEL),
        _may("kind", "text", "Kind of abuse.", allowed=ABUSE_KIND),
        _must("decided_at", "time", "When it was decided."),
        _must(
            "decided_by",
            "text",
            "Who decided; a model's own decision is never trained on.",
            allowed=DECIDED_BY,
        ),
    ),
    key=("return_id",),
    time_column="decided_at",
    rules=(_not_before("decided_at", "returns.requested_at"),),
    foreign_keys=(
        ForeignKey("return_id", "returns", "return_id"),
        ForeignKey("customer_id", "customers", "customer_id"),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _PRODUCTS,
        _PRODUCT_SIZES,
        _CUSTOMERS,
        _BODY_MEASUREMENTS,
        _ORDER_LINES,
        _RETURNS,
        _FIT_FEEDBACK,
        _ABUSE_LABELS,
    )
}
"""All contracts by name; a table comes after every table its foreign keys refer to."""
