"""An event of every kind, for the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["EXAMPLES"]

EXAMPLES: Final[Mapping[str, dict[str, Any]]] = {
    "product": {
        "event_id": "product-d17-3",
        "kind": "product",
        "at": "2025-05-02T08:00:00Z",
        "data": {
            "product_id": "d17",
            "category": "dress",
            "brand": "Linden",
            "audience": "women",
            "size_system": "ALPHA",
            "price": 59.9,
            "currency": "EUR",
            "colours": ["red", "blue"],
            "launched_at": "2025-03-01",
            "sizes": [
                {"size_label": "S", "size_rank": 1, "chest_cm_min": 84, "chest_cm_max": 88},
                {"size_label": "M", "size_rank": 2, "chest_cm_min": 88, "chest_cm_max": 94},
            ],
        },
    },
    "customer": {
        "event_id": "customer-c7-1",
        "kind": "customer",
        "at": "2025-05-02T08:01:00Z",
        "data": {
            "customer_id": "c7",
            "market": "DE",
            "registered_at": "2025-05-02T08:01:00Z",
            "locale": "de-DE",
        },
    },
    "measurement": {
        "event_id": "measurement-c7-1",
        "kind": "measurement",
        "data": {
            "customer_id": "c7",
            "measured_at": "2025-05-02T08:02:00Z",
            "height": "5 ft 6 in",
            "weight_kg": 63.5,
            "fit_preference": "regular",
        },
    },
    "order_line": {
        "event_id": "order-o9-l1",
        "kind": "order_line",
        "data": {
            "order_line_id": "l1",
            "order_id": "o9",
            "customer_id": "c7",
            "product_id": "d17",
            "size_label": "M",
            "colour": "red",
            "quantity": 1,
            "unit_price": 59.9,
            "currency": "EUR",
            "market": "DE",
            "ordered_at": "2025-05-02T08:05:00Z",
            "promised_at": "2025-05-06",
        },
    },
    "shipment": {
        "event_id": "shipment-l1",
        "kind": "shipment",
        "data": {
            "order_line_id": "l1",
            "shipped_at": "2025-05-03T06:30:00Z",
            "shipped_weight_g": 480,
        },
    },
    "delivery": {
        "event_id": "delivery-l1",
        "kind": "delivery",
        "data": {"order_line_id": "l1", "delivered_at": "2025-05-05T14:10:00+02:00"},
    },
    "return": {
        "event_id": "return-r3",
        "kind": "return",
        "data": {
            "return_id": "r3",
            "order_line_id": "l1",
            "requested_at": "2025-05-06T19:00:00Z",
            "reason": "too_small",
            "quantity": 1,
        },
    },
    "inspection": {
        "event_id": "inspection-r3",
        "kind": "inspection",
        "data": {
            "return_id": "r3",
            "received_at": "2025-05-10T09:00:00Z",
            "condition": "as_new",
            "returned_weight_g": 478,
        },
    },
    "settlement": {
        "event_id": "settlement-r3",
        "kind": "settlement",
        "data": {
            "return_id": "r3",
            "closed_at": "2025-05-10T09:30:00Z",
            "resolution": "refunded",
            "refund_amount": 59.9,
        },
    },
    "feedback": {
        "event_id": "feedback-l1-survey",
        "kind": "feedback",
        "data": {
            "order_line_id": "l1",
            "source": "survey",
            "given_at": "2025-05-06T19:02:00Z",
            "fit": "small",
        },
    },
    "decision": {
        "event_id": "decision-r3",
        "kind": "decision",
        "data": {
            "return_id": "r3",
            "customer_id": "c7",
            "label": "legitimate",
            "decided_at": "2025-05-10T09:20:00Z",
            "decided_by": "investigator",
        },
    },
}
"""A small order from its goods to the settlement of its return, by kind."""
