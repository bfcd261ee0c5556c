"""The message to the customer: sorry, what we do, by when, what you can do, what you are due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from babel.dates import format_date

from data_contracts.policies import Terms
from serving.languages import Language
from serving.return_review.case import AT_FAULT, DAY_S, Case
from serving.return_review.checks import BLOCKING, Finding
from serving.return_review.options import PricedOption
from serving.return_review.recommend import MONEY_BACK
from serving.return_review.rights import Rights
from serving.return_review.sentences import (
    AFTER_ARRIVAL,
    AGAIN,
    ALTERNATIVE,
    APOLOGY,
    COLLEAGUE,
    COUPON,
    LATE_BY,
    NEXT,
    OFFER,
    PERIOD_ENDED,
    RIGHT,
    THANKS,
)

__all__ = ["ANSWER_HOURS", "SEND_BACK_DAYS", "customer_message", "day", "joined"]

ANSWER_HOURS: Final = 24
"""Within which a person writes, and a payment that waits for nothing is made."""
SEND_BACK_DAYS: Final = 14
"""Days a buyer has to send goods back or to answer an offer."""
_UNSPACED = ("zh", "ja")
_PHOTO_HELPS = ("colour_mismatch", "quality_defect", "damaged_in_transit", "wrong_item")
_EXCHANGE = ("exchange_size", "exchange_colour")
_OFFERED = ("partial_refund_keep_item", *_EXCHANGE, "repair")


def joined(sentences: Sequence[str], language: Language) -> str:
    """Put sentences one after the other as the language does."""
    return ("" if language.tag.startswith(_UNSPACED) else " ").join(sentences)


def day(moment: float, language: Language) -> str:
    """Write the day (UTC) of a moment, seconds since the epoch, as the region does."""
    return format_date(dt.datetime.fromtimestamp(moment, dt.UTC), "long", locale=language.region)


def customer_message(
    case: Case,
    terms: Terms | None,
    rights: Rights | None,
    findings: Sequence[Finding],
    route: str,
    recommended: PricedOption | None,
    language: Language,
    *,
    photo_sent: bool = False,
) -> str:
    """Write the message.

    Parameters
    ----------
    case, terms, rights, findings, route, recommended
        The review; no score is looked at.
    language
        Whose sentences.
    photo_sent
        Whether the buyer sent a photo or a video.

    Returns
    -------
    str
        Nothing in it tells of the order when another account than the buyer's asks.
    """
    blocked = [each.rule for each in findings if each.rule in BLOCKING]
    if blocked or terms is None or rights is None or case.order is None:
        sentences = [language.say(THANKS), *_blocked(blocked, language)]
        return joined(sentences, language)
    letter = _Letter(case, terms, rights, language)
    sentences = [letter.apology()]
    if recommended is None or route == "review":
        sentences += letter.review(findings)
    else:
        sentences += letter.offer(recommended, route)
        sentences += letter.next_steps(recommended, route, photo_sent=photo_sent)
    sentences += letter.right()
    return joined(sentences, language)


def _blocked(rules: Sequence[str], language: Language) -> Iterator[str]:
    if "line_not_on_record" in rules:
        yield language.say(NEXT["find_order"])
    elif "not_the_buyer" in rules:
        yield language.say(NEXT["ask_buyer"])
    yield language.say(COLLEAGUE, hours=ANSWER_HOURS)


class _Letter:
    def __init__(self, case: Case, terms: Terms, rights: Rights, language: Language) -> None:
        self.case, self.terms, self.rights, self.language = case, terms, rights, language

    def money(self, amount: float) -> str:
        return self.language.money(amount, self.terms.currency)

    def by(self) -> str:
        return day(self.case.claim.requested_at + SEND_BACK_DAYS * DAY_S, self.language)

    def apology(self) -> str:
        order, reason = self.case.order, self.case.claim.reason
        assert order is not None
        if reason == "late_delivery" and order.delivered_at and order.promised_at:
            late = int((order.delivered_at - order.promised_at) // DAY_S)
            if late >= 1:
                return self.language.say_count(LATE_BY, late)
        return self.language.say(APOLOGY[reason])

    def review(self, findings: Sequence[Finding]) -> Iterator[str]:
        if any(each.rule == "after_window" for each in findings):
            ends = [e for e in (self.rights.withdrawal_until, self.rights.window_until) if e]
            if ends:
                # The last moment lies a day after the last day.
                yield self.language.say(PERIOD_ENDED, date=day(max(ends) - DAY_S, self.language))
        yield self.language.say(COLLEAGUE, hours=ANSWER_HOURS)

    def offer(self, chosen: PricedOption, route: str) -> Iterator[str]:
        say = self.language.say
        figures = {"hours": ANSWER_HOURS, "days": self.terms.refund_within_days}
        if chosen.option in MONEY_BACK or chosen.option == "partial_refund_keep_item":
            name = chosen.option
            if name == "refund":
                name = f"refund.{chosen.paid or 'on_sending'}"
            if self.rights.withdrawal and name in ("refund.on_sending", "return_to_warehouse"):
                name = "withdrawal"
            if chosen.amount is None:  # the price is not on record: a person finds it
                yield say(COLLEAGUE, hours=ANSWER_HOURS)
            else:
                yield say(OFFER[name], amount=self.money(float(chosen.amount)), **figures)
        elif chosen.same_article:
            yield say(AGAIN)
        elif chosen.option == "exchange_size" and chosen.into:
            yield say(OFFER["exchange_size"], size=chosen.into.label)
        elif chosen.option == "exchange_colour" and chosen.into:
            yield say(OFFER["exchange_colour"], colour=chosen.into.label)
        else:
            yield say(OFFER[chosen.option])
        if chosen.option in _EXCHANGE and route == "inspect" and self.must_send(chosen):
            yield say(AFTER_ARRIVAL)
        if chosen.option in _EXCHANGE and chosen.amount:
            yield say(COUPON, amount=self.money(float(chosen.amount)))
        # Who may withdraw is told of the price in full by `right`.
        if chosen.option in _OFFERED and (not self.rights.withdrawal or self.case.never_arrived):
            share = 1.0
            if not self.rights.statutory and self.case.claim.reason not in AT_FAULT:
                share -= self.terms.restocking_fee_share
            if self.case.value is not None:
                yield say(ALTERNATIVE, amount=self.money(self.case.value * share))

    def next_steps(self, chosen: PricedOption, route: str, *, photo_sent: bool) -> Iterator[str]:
        say, case = self.language.say, self.case
        steps: list[str] = []
        if chosen.option in _OFFERED:
            steps.append(say(NEXT["accept"], date=self.by()))
        sanctions = self.terms.sanctions.get(case.band or "low", ())
        if self.must_send(chosen):
            free = case.claim.reason in AT_FAULT or not self.terms.buyer_pays_return
            steps.append(say(NEXT["send_free" if free else "send_paid"], date=self.by()))
            if "tracked_return" in sanctions:
                steps.append(say(NEXT["send_tracked"]))
        helps = case.claim.reason in _PHOTO_HELPS or "photo_evidence" in sanctions
        if route != "fast_track" and helps and not photo_sent and not case.never_arrived:
            steps.append(say(NEXT["photo"]))
        yield from steps or [say(NEXT["nothing"])]

    def must_send(self, chosen: PricedOption) -> bool:
        """Whether the buyer has to send the article back."""
        if self.case.never_arrived or self.case.goods_are_back:
            return False
        return chosen.option not in ("refund_keep_item", "partial_refund_keep_item")

    def right(self) -> Iterator[str]:
        if self.rights.withdrawal and not self.case.never_arrived and self.case.value is not None:
            every = self.case.order and self.case.claim.quantity == self.case.order.quantity
            delivery = self.terms.refund_outbound_shipping and every
            name = "withdrawal.delivery" if delivery else "withdrawal"
            yield self.language.say(RIGHT[name], amount=self.money(self.case.value))
        elif self.rights.statutory or self.case.claim.reason in AT_FAULT:
            yield self.language.say(RIGHT["not_as_agreed"])
