"""Every sentence of a return review that a customer may read, marked for translation."""

from __future__ import annotations

from typing import Final

from serving.languages import N_, NN_

__all__ = [
    "AFTER_ARRIVAL",
    "AGAIN",
    "ALTERNATIVE",
    "APOLOGY",
    "CHANGE",
    "COLLEAGUE",
    "CONDITION",
    "COUPON",
    "FACT",
    "FINDING",
    "LATE_BY",
    "NEXT",
    "NOTICE",
    "OFFER",
    "ON_ARRIVAL",
    "PERIOD_ENDED",
    "RIGHT",
    "ROUTE",
    "RULE",
    "THANKS",
]

THANKS: Final = N_("Thank you for your request.")
APOLOGY: Final = {
    "too_small": N_("We are sorry that the article is too small for you."),
    "too_large": N_("We are sorry that the article is too large for you."),
    "colour_mismatch": N_("We are sorry that the colour is not the one you saw in our shop."),
    "not_as_described": N_("We are sorry that the article is not as we described it."),
    "quality_defect": N_("We are sorry that the article has a fault; that should not happen."),
    "damaged_in_transit": N_("We are sorry that the article was damaged on its way to you."),
    "wrong_item": N_("We are sorry that we sent you the wrong article; that was our mistake."),
    "late_delivery": N_("We are sorry that your order arrived too late."),
    "not_received": N_("We are sorry that your order has not reached you."),
    "changed_mind": N_("Thank you for telling us that you would like to return the article."),
    "other": N_("We are sorry that the article did not suit you."),
}
LATE_BY: Final = NN_(
    "We are sorry that your order arrived {n} day later than promised.",
    "We are sorry that your order arrived {n} days later than promised.",
)

OFFER: Final = {
    "refund.at_once": N_("We will refund {amount} within {hours} hours."),
    "refund.on_sending": N_(
        "We will refund {amount} at the latest {days} days after you have sent the article back."
    ),
    "return_to_warehouse": N_(
        "As soon as the article has arrived and we have looked at it, we will refund {amount}, "
        "at the latest {days} days after its arrival."
    ),
    # A withdrawal is refunded by a day counted from the request, and proof of posting is enough
    # (Directive 2011/83/EU, art. 13): no inspection moves that day.
    "withdrawal": N_(
        "We will refund {amount} within {days} days of your request; until the article or your "
        "proof of posting has reached us, we may wait with it."
    ),
    "refund_keep_item": N_(
        "We will refund {amount} within {hours} hours, and you may keep the article."
    ),
    "partial_refund_keep_item": N_(
        "If you would like to keep the article, we will refund {amount} of the price within "
        "{hours} hours."
    ),
    "exchange_size": N_("We would like to send you size {size} instead, which should fit better."),
    "exchange_colour": N_("We would like to send you the article in the colour {colour} instead."),
    "repair": N_("We would like to repair the article for you, free of charge."),
}
AGAIN: Final = N_("We would like to send you the article you ordered once more, free of charge.")
COUPON: Final = N_("With the exchange you receive a voucher of {amount}.")
ALTERNATIVE: Final = N_("If you would rather have your money back, we will refund {amount}.")
AFTER_ARRIVAL: Final = N_("It is on its way as soon as your article has arrived here.")
COLLEAGUE: Final = N_(
    "A colleague will look at your request in person and write to you within {hours} hours."
)
PERIOD_ENDED: Final = N_("The period for returns ended on {date}.")
RIGHT: Final = {
    "withdrawal": N_(
        "You asked within the statutory withdrawal period: for the article you send back you are "
        "entitled to the full price of {amount}, whatever else we offer you."
    ),
    "withdrawal.delivery": N_(
        "You asked within the statutory withdrawal period: for the article you send back you are "
        "entitled to the full price of {amount} and to the standard delivery charge you paid, "
        "whatever else we offer you."
    ),
    "not_as_agreed": N_("Your statutory rights are not affected by this."),
}
NEXT: Final = {
    "send_free": N_("Please send the article back by {date}; we pay the postage."),
    "send_paid": N_("Please send the article back by {date}; you pay the return postage."),
    "send_tracked": N_("Please use a parcel service with tracking."),
    "accept": N_("Please let us know by {date} whether this suits you."),
    "photo": N_("Please send us a photo of it, so that we can put the cause right."),
    "nothing": N_("There is nothing more for you to do."),
    "find_order": N_("Please send us the confirmation of your order, so that we can find it."),
    "ask_buyer": N_("Please write to us from the account with which the order was placed."),
}

FACT: Final = {
    "bought": NN_(
        "You bought {n} piece for {amount} on {date}.",
        "You bought {n} pieces for {amount} on {date}.",
    ),
    "delivered": NN_(
        "It was delivered on {date}, {n} day before your request.",
        "It was delivered on {date}, {n} days before your request.",
    ),
    "claimed": NN_(
        "Your request is for {n} piece worth {amount}.",
        "Your request is for {n} pieces worth {amount}.",
    ),
}
RULE: Final = {
    "withdrawal": N_(
        "By law you may withdraw from the purchase within {days} days of delivery, without giving "
        "a reason."
    ),
    "window": N_("Our own return period is {days} days from delivery."),
    "not_as_agreed": N_(
        "What arrives must be what was agreed; where it is not, we put it right at our expense."
    ),
    "fee": N_("A restocking fee of {amount} is kept from the refund."),
    "keep": N_("Below a value of {amount} the article need not come back."),
}
ROUTE: Final = {
    "fast_track": N_("Your request is settled at once."),
    "standard": N_("Your request is settled in the usual way."),
    "inspect": N_("We look at the article when it arrives, before the refund is paid."),
    "review": N_("A colleague looks at your request in person before it is settled."),
}
ON_ARRIVAL: Final = N_("We look at the article when it arrives.")
CONDITION: Final = {
    "worn": N_("The article came back with signs of wear."),
    "damaged": N_("The article came back damaged."),
    "different_item": N_("The parcel that came back held another article."),
    "missing_parts": N_("Parts of the article were missing when it came back."),
    "empty": N_("The parcel that came back was empty."),
}
FINDING: Final = {
    "line_not_on_record": N_("We could not find this order among ours."),
    "records_not_reachable": N_("We cannot look up this order at the moment."),
    "not_the_buyer": N_("The order was placed with another account than the one that asks."),
    "claimed_before_order": N_("The request is dated before the order."),
    "claimed_before_delivery": N_("The request was made before the parcel was delivered."),
    "delivery_not_on_record": N_("We have no record yet of when the parcel was delivered."),
    "after_window": N_("The request came {n} days after delivery; the period is {days} days."),
    "not_returnable": N_("Articles of this kind can be sent back only when they have a fault."),
    "not_received_but_returned": N_(
        "The request says that nothing arrived, but a parcel has come back to us."
    ),
    "delivered_on_record": N_("Our carrier recorded the delivery on {date}."),
    "weight_gap": N_("The parcel that came back weighs {returned} g; we had sent {shipped} g."),
    "claimed_again": N_("A return was requested before: {claimed} of {bought} pieces."),
    "already_refunded": N_("A refund was paid before: {claimed} of {bought} pieces."),
    "price_not_on_record": N_("The price you paid is not on record."),
}
CHANGE: Final = {
    "value_below": N_("a value below {amount}"),
    "asked_within": N_("a request within {days} days of delivery"),
    "weight_as_sent": N_("a parcel of the {shipped} g we had sent"),
    "as_new": N_("an article in new condition"),
    "nothing_came_back": N_("no parcel that came back"),
    "fast_track": N_("With {facts} your request would have been settled at once."),
    "standard": N_("With {facts} your request would have been settled in the usual way."),
    "inspect": N_("With {facts} it would have been enough to look at the article on arrival."),
}
NOTICE: Final = {
    "abuse_model_missing": N_("Settled by the rules alone: no abuse model answers here."),
    "size_fit_model_missing": N_("No other size is offered: no size model answers here."),
    "return_risk_model_missing": N_("No other colour is offered: no return-risk model answers."),
}
