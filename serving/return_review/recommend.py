"""Which of the open options is recommended."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from serving.return_review.case import Case
from serving.return_review.options import OPTIONS, PricedOption

__all__ = ["MONEY_BACK", "recommend"]

MONEY_BACK: Final = ("refund", "refund_keep_item", "return_to_warehouse")
"""Options that give back what is due in full."""
_EXCHANGE: Final = ("exchange_size", "exchange_colour")
_PAID_UNSEEN: Final = ("refund", "refund_keep_item", "partial_refund_keep_item")


def recommend(case: Case, options: Sequence[PricedOption], route: str) -> PricedOption | None:
    """Choose the cheapest open option that keeps the customer's rights.

    Parameters
    ----------
    case
        The claim.
    options
        Priced.
    route
        As chosen.

    Returns
    -------
    PricedOption or None
        None where nothing is open until a person has looked.

    Notes
    -----
    An exchange, a repair or a part of the price is an offer, which the customer may decline: a
    refund stays open beside it. It is not even offered first to who withdraws from the purchase or
    asks for money back: nothing less than money is recommended then. Whether a refund waits for the
    article is not a matter of cost but of the route: nobody is made to wait without a rule that
    says so, and on the way by the inspection table nothing is paid, or sent in
    exchange, before it was looked at.
    """
    if case.never_arrived and case.goods_are_back:
        return None  # which of the two is true decides what is due
    open_ = [each for each in options if each.allowed]
    if case.wanted == "refund" or (case.wanted is None and case.claim.reason == "changed_mind"):
        open_ = [each for each in open_ if each.option in MONEY_BACK]
    elif case.wanted == "exchange":
        open_ = [each for each in open_ if each.option in _EXCHANGE] or open_
    elif case.wanted == "repair":
        open_ = [each for each in open_ if each.option == "repair"] or open_
    if route in ("inspect", "review") and case.claim.condition is None:
        unwise = _PAID_UNSEEN if route == "inspect" else (*_PAID_UNSEEN, *_EXCHANGE)
        open_ = [each for each in open_ if each.option not in unwise] or open_
    else:
        open_ = [each for each in open_ if each.option != "return_to_warehouse"] or open_
    return min(open_, key=_cheapest, default=None)


def _cheapest(option: PricedOption) -> tuple[Decimal, int]:
    total = option.cost.total if option.cost else Decimal(0)
    return total, OPTIONS.index(option.option)
