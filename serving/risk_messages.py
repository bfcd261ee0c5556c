"""What is said of a basket: to the shop about each line, and to the shopper, if anything.

The shop reads figures, of the product first; what an account did before is told as a count, without
a judgement. The shopper is never told what we hold of their returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from models.return_risk.answer import Driver, Suggestion
from models.return_risk.cost import Action
from serving.languages import N_, NN_, Language

__all__ = ["action_text", "driver_text", "price_notice", "shopper_message", "suggestion_text"]

_MOST_CACHED = 20_000
_MOST_NAMED = 2  # products named in one message to a shopper
_UNSPACED = ("zh", "ja")  # languages that put no space between sentences

_DRIVERS: Final[Mapping[str, str | tuple[str, str]]] = {
    "colour_comes_back": N_(
        "The colour {colour} comes back {ratio} times as often as the product's others "
        "(orders: {n})."
    ),
    "size_comes_back": N_(
        "Size {size} comes back {ratio} times as often as the product's others (orders: {n})."
    ),
    "product_comes_back": N_(
        "This product comes back {ratio} times as often as the average (orders: {n})."
    ),
    "product_stays": N_(
        "This product comes back only {ratio} times as often as the average (orders: {n})."
    ),
    "brand_comes_back": N_(
        "The brand {brand} comes back {ratio} times as often as the average (orders: {n})."
    ),
    "brand_stays": N_(
        "The brand {brand} comes back only {ratio} times as often as the average (orders: {n})."
    ),
    "market_comes_back": N_(
        "Orders from the market {market} come back {ratio} times as often as the average "
        "(orders: {n})."
    ),
    "customer_returns": N_("Of {orders} earlier order lines of this account {returned} came back."),
    "customer_keeps": N_("Of {orders} earlier order lines of this account {kept} were kept."),
    "same_product_before": N_(
        "This account has ordered the product before: {returned} of {orders} came back."
    ),
    "same_size_trouble": N_(
        "Size {label} is likely not the right one: {p_small} too small, {p_large} too large."
    ),
    "size_fits": N_("Size {label} is likely to fit: {p_fit}."),
    "several_sizes": N_("The basket holds this product in several sizes: {count}."),
    "several_colours": N_("The basket holds this product in several colours: {count}."),
    "basket_lines": NN_("The basket has {n} line.", "The basket has {n} lines."),
    "price_high": N_("The price is {ratio} times what is usual for such goods."),
    "price_reduced": N_("The price is reduced to {ratio} times the product's highest."),
    "late_delivery": NN_("It arrived {n} day late.", "It arrived {n} days late."),
    "quick_delivery": NN_("It arrived within {n} day.", "It arrived within {n} days."),
    "heavy_parcel": N_("The parcel is heavy: {g} g."),
    "new_customer": N_("There is no earlier order of this account on record."),
    "new_product": N_("There is no earlier order of this product on record."),
    "other": N_("Several smaller things taken together."),
}
_COUNTED: Final = {"basket_lines": "lines", "late_delivery": "days", "quick_delivery": "days"}
_SHARES: Final = frozenset({"p_small", "p_large", "p_fit"})

_TAKE_SIZE: Final = N_("Take {label} instead of {own}: {p_from} → {p_to}")
_TAKE_SIZE_ALONE: Final = N_("Take size {label}: {p_from} → {p_to}")
_TAKE_COLOUR: Final = N_("Take the colour {label} instead of {own}: {p_from} → {p_to}")
_TAKE_COLOUR_ALONE: Final = N_("Take the colour {label}: {p_from} → {p_to}")

_ACTIONS: Final[Mapping[Action, str]] = {
    "none": N_(
        "Doing nothing is expected to cost {cost}, and nothing we could show would cost less."
    ),
    "show_size_advice": N_(
        "Showing the better size is expected to save {saving} of {cost} and loses no sale."
    ),
    "drop_duplicate_size": N_(
        "Keeping only the likelier of two sizes is expected to save {saving} of {cost}."
    ),
    "confirm": N_(
        "Asking the shopper to look again is expected to save {saving} of {cost}, lost sales "
        "counted."
    ),
}
_BOUGHT: Final = N_("These lines have arrived; what comes back is expected to cost {cost}.")
_NO_PRICE: Final = N_("No line has a price, so no action can be weighed.")

_SHOW_SIZE: Final = N_("Size {label} may suit you better than {own}.")
_SHOW_SIZE_ALONE: Final = N_("We think size {label} will suit you.")
_ONE_SIZE: Final = N_(
    "You have chosen the same product in more than one size; we think size {label} will suit you."
)
_LOOK_AGAIN: Final = N_("Please take one more look at size, colour and description before you buy.")

_PRICE_NOTICE: Final = N_(
    "A line without a price is left out of the costs; send unit_price, or put the price into the "
    "products table."
)


def driver_text(driver: Driver, language: Language) -> str | None:
    """Write one driver, for the shop.

    Parameters
    ----------
    driver
        Code and figures.
    language
        Whose sentences.

    Returns
    -------
    str or None
        None for a code that has no sentence, or without the figures the sentence needs, as a model
        newer than the service may send.
    """
    return _driver(driver.code, tuple(driver.figures.items()), language)


@lru_cache(_MOST_CACHED)  # many lines are about few products, and their figures are the same
def _driver(
    code: str, told: tuple[tuple[str, float | int | str], ...], language: Language
) -> str | None:
    sentence = _DRIVERS.get(code)
    if sentence is None:
        return None
    figures = {name: _figure(name, value, language) for name, value in told}
    try:
        if isinstance(sentence, str):
            return language.say(sentence, **figures)
        n = round(float(dict(told)[_COUNTED[code]]))
        return language.say_count(sentence, n, **figures)
    except (KeyError, ValueError, OverflowError):
        return None


def _figure(name: str, value: float | int | str, language: Language) -> object:
    if isinstance(value, str):
        return value
    if name in _SHARES:
        return language.percent(value)
    return round(value, 2 if name == "ratio" and value < 1 else 1)


def suggestion_text(suggestion: Suggestion, own: str | None, language: Language) -> str:
    """Write a suggestion, for the shop: what to take, and what it does to the risk.

    Parameters
    ----------
    suggestion
        Size or colour, and the probabilities.
    own
        What the line has now, where it is told.
    language
        Whose sentences.
    """
    p_from, p_to = round(suggestion.p_from, 2), round(suggestion.p_to, 2)
    return _suggestion(suggestion.kind, suggestion.label, own, p_from, p_to, language)


@lru_cache(_MOST_CACHED)
def _suggestion(
    kind: str, label: str, own: str | None, p_from: float, p_to: float, language: Language
) -> str:
    if kind == "size":
        sentence = _TAKE_SIZE if own else _TAKE_SIZE_ALONE
    else:
        sentence = _TAKE_COLOUR if own else _TAKE_COLOUR_ALONE
    return language.say(sentence, label=label, own=own or "", p_from=p_from, p_to=p_to)


def action_text(
    action: Action, cost: str | None, saving: str, language: Language, *, bought: bool
) -> str:
    """Say why this action, for the shop.

    Parameters
    ----------
    action
        What is done.
    cost, saving
        Money, as it is written; no cost where no line has a price.
    language
        Whose sentences.
    bought
        The lines have arrived.
    """
    if cost is None:
        return language.say(_NO_PRICE)
    return language.say(_BOUGHT if bought else _ACTIONS[action], cost=cost, saving=saving)


def shopper_message(
    action: Action, sizes: Sequence[tuple[str | None, str]], language: Language
) -> str | None:
    """Write what the shopper may be shown.

    Parameters
    ----------
    action
        What is done.
    sizes
        Of each line it is about, the size it has and the size that is likelier to be kept; empty
        for ``confirm``.
    language
        Whose sentences.

    Returns
    -------
    str or None
        None where nothing needs saying.
    """
    match action:
        case "none":
            return None
        case "confirm":
            return language.say(_LOOK_AGAIN)
        case "drop_duplicate_size":
            told = [language.say(_ONE_SIZE, label=label) for _, label in sizes]
        case "show_size_advice":
            told = [
                language.say(_SHOW_SIZE, label=label, own=own)
                if own
                else language.say(_SHOW_SIZE_ALONE, label=label)
                for own, label in sizes
            ]
    told = list(dict.fromkeys(told))[:_MOST_NAMED]
    return ("" if language.tag.startswith(_UNSPACED) else " ").join(told) or None


def price_notice(language: Language) -> str:
    """Say that a line without a price is not in the costs."""
    return language.say(_PRICE_NOTICE)
