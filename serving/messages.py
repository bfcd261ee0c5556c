"""The sentences a shopper reads, in the shopper's language, with the figures behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from models.size_fit.advice import Because, NextSize, SizeAdvice
from serving.languages import N_, NN_, Language

__all__ = [
    "because_text",
    "chart_notice",
    "locale_notice",
    "next_size_text",
    "question_text",
    "size_message",
    "system_notice",
    "usual_text",
    "without_history_notice",
]

_MOST_REASONS = 2  # a third sentence is not read in a shop's size box
_UNSPACED = ("zh", "ja")  # languages that put no space between sentences
_AS_LABELLED: Final[Mapping[str, str]] = MappingProxyType({})
_CHOOSING = ("advised", "between_sizes", "not_enough_information")
_WEEKS_A_MONTH = 365.25 / 12 / 7
_MOST_WEEKS = 13  # beyond a quarter of a year nobody counts in weeks

_ADVISED: Final = N_("We recommend size {size}.")
_BETWEEN: Final = N_("You are between sizes {sizes}.")
_BETWEEN_WITH_CHOICE: Final = N_("You are between sizes {sizes}; we suggest {size}.")
_BETWEEN_UNNAMED: Final = N_("You are between two sizes.")
_NO_GOOD_SIZE: Final = N_("We are sorry: no size of this product is likely to fit you well.")
_NOT_ENOUGH: Final = N_("We do not know enough yet to recommend a size.")
_NOT_SIZED: Final = N_("This product comes in one size, so there is none to choose.")
_UNKNOWN_PRODUCT: Final = N_("We do not know this product yet, so we cannot recommend a size.")
_UNREACHABLE_PRODUCT: Final = N_(
    "We cannot look this product up right now, so we cannot recommend a size. Please try again in "
    "a little while."
)

_KEPT_BEFORE: Final = NN_(
    "What fitted you before corresponds to size {label} of this product.",
    "What fitted you {n} times before corresponds to size {label} of this product.",
)
_MEASUREMENTS: Final = N_("Your measurements point to size {label}.")
_AGE: Final = N_("For a child of this age we expect size {label}.")
_OTHER_BODY: Final = N_(
    "The measurements are of another body than this garment is cut for, so we did not use them."
)
_RUNS_SMALL: Final = NN_(
    "Buyers of this product told us it runs small: {count} of {n}.",
    "Buyers of this product told us it runs small: {count} of {n}.",
)
_RUNS_LARGE: Final = NN_(
    "Buyers of this product told us it runs large: {count} of {n}.",
    "Buyers of this product told us it runs large: {count} of {n}.",
)
_CROWD: Final = NN_(
    "This rests on what {n} buyer of this product told us.",
    "This rests on what {n} buyers of this product told us.",
)
_MARKET_AVERAGE: Final = N_(
    "We know neither your measurements nor your past orders, so this rests on the average buyer."
)

_TAKE_LARGER: Final = NN_(
    "{market} shoppers: take one size larger than usual.",
    "{market} shoppers: take {n} sizes larger than usual.",
)
_TAKE_SMALLER: Final = NN_(
    "{market} shoppers: take one size smaller than usual.",
    "{market} shoppers: take {n} sizes smaller than usual.",
)
_NEXT_WEEKS: Final = NN_(
    "Next size up: {label}, in about a week.",
    "Next size up: {label}, in about {n} weeks.",
)
_NEXT_MONTHS: Final = NN_(
    "Next size up: {label}, in about a month.",
    "Next size up: {label}, in about {n} months.",
)
_LIKELIEST_NEXT_WEEKS: Final = NN_(
    "Size {after} is the likeliest to fit now; next size up: {label}, in about a week.",
    "Size {after} is the likeliest to fit now; next size up: {label}, in about {n} weeks.",
)
_LIKELIEST_NEXT_MONTHS: Final = NN_(
    "Size {after} is the likeliest to fit now; next size up: {label}, in about a month.",
    "Size {after} is the likeliest to fit now; next size up: {label}, in about {n} months.",
)

_ASK: Final = {
    "height_cm": N_("If you tell us your height, we can advise you better."),
    "weight_kg": N_("If you tell us your weight, we can advise you better."),
    "chest_cm": N_("If you tell us your chest measurement, we can advise you better."),
    "waist_cm": N_("If you tell us your waist measurement, we can advise you better."),
    "hip_cm": N_("If you tell us your hip measurement, we can advise you better."),
    "foot_length_cm": N_("If you tell us the length of your foot, we can advise you better."),
    "cup": N_("If you tell us your cup size, we can advise you better."),
    "body_shape": N_("If you tell us your body shape, we can advise you better."),
    "age_years": N_("If you tell us the wearer's age, we can advise you better."),
    "wearer": N_("If you tell us who will wear it, we can advise you better."),
    "birth_date": N_("If you tell us the child's date of birth, we can advise you better."),
    "fit_preference": N_(
        "If you tell us whether you like a tight, regular or loose fit, we can advise you better."
    ),
}
_ASK_MORE: Final = N_("If you tell us more about your measurements, we can advise you better.")

_CHART_NOTICE: Final = N_(
    "There is no size chart for this product; we estimated one from its brand, its size labels and "
    "what its buyers kept."
)
_LOCALE_NOTICE: Final = N_("We do not have messages in {asked} yet; this one is in {given}.")
_WITHOUT_HISTORY_NOTICE: Final = N_(
    "Our records cannot be reached right now, so this answer goes without them."
)
_SYSTEM_NOTICE: Final = N_("We cannot convert the sizes of this product to {systems} yet.")


def size_message(
    advice: SizeAdvice,
    reasons: Sequence[str | None],
    language: Language,
    *,
    named: Mapping[str, str] = _AS_LABELLED,
    usual: str | None = None,
    unreachable: bool = False,
) -> str:
    """Write the advice in a few sentences.

    Parameters
    ----------
    advice
        The model's answer.
    reasons
        :func:`because_text` of each of its reasons.
    language
        Whose sentences.
    named
        How a size is named, by its label, where it is not by the label alone.
    usual
        :func:`usual_text`, where the labels mean something else than the shopper is used to.
    unreachable
        The product could not be looked up; nothing else is said then.

    Returns
    -------
    str
        The advice, what a shopper of the market should know of the labels, at most two reasons,
        when a child will need the next size, and, where the advice is not clear, the question that
        would help.
    """
    if unreachable:
        return language.say(_UNREACHABLE_PRODUCT)
    sentences = [_status_text(advice, language, named)]
    if usual is not None and advice.status in _CHOOSING:
        sentences.append(usual)
    if advice.status in ("advised", "between_sizes", "no_good_size"):
        sentences += [text for text in reasons if text][:_MOST_REASONS]
    if advice.next_size is not None:
        unnamed = advice.recommended is None
        sentences.append(next_size_text(advice.next_size, language, name_present=unnamed))
    if advice.ask_next and advice.status not in ("advised", "not_sized", "unknown_product"):
        sentences.append(question_text(advice.ask_next, language))
    return ("" if language.tag.startswith(_UNSPACED) else " ").join(sentences)


def _status_text(advice: SizeAdvice, language: Language, named: Mapping[str, str]) -> str:
    size = None if advice.recommended is None else named.get(advice.recommended, advice.recommended)
    match advice.status:
        case "advised":
            return language.say(_ADVISED, size=size)
        case "between_sizes" if len(advice.size_set) < 2:
            return language.say(_BETWEEN_UNNAMED)
        case "between_sizes":
            sizes = language.both([named.get(label, label) for label in advice.size_set])
            if size is None:
                return language.say(_BETWEEN, sizes=sizes)
            return language.say(_BETWEEN_WITH_CHOICE, sizes=sizes, size=advice.recommended)
        case "no_good_size":
            return language.say(_NO_GOOD_SIZE)
        case "not_enough_information":
            return language.say(_NOT_ENOUGH)
        case "not_sized":
            return language.say(_NOT_SIZED)
        case "unknown_product":
            return language.say(_UNKNOWN_PRODUCT)


def usual_text(steps: int, market: str, language: Language) -> str:
    """Say how the product's labels differ from what a market is used to.

    Parameters
    ----------
    steps
        Sizes larger than usual to take; below 0 smaller.
    market
        ISO 3166 alpha-2 code, upper case.
    language
        Whose sentences.
    """
    sentences = _TAKE_LARGER if steps > 0 else _TAKE_SMALLER
    return language.say_count(sentences, abs(steps), market=language.country(market))


def next_size_text(next_size: NextSize, language: Language, *, name_present: bool = False) -> str:
    """Say when a child will need the next size.

    Parameters
    ----------
    next_size
        Which, and when.
    language
        Whose sentences.
    name_present
        Name the size it follows, too: needed where the advice recommends none.
    """
    weeks = next_size.in_weeks
    in_weeks, in_months = (
        (_LIKELIEST_NEXT_WEEKS, _LIKELIEST_NEXT_MONTHS)
        if name_present
        else (_NEXT_WEEKS, _NEXT_MONTHS)
    )
    sentences, n = (
        (in_weeks, weeks) if weeks <= _MOST_WEEKS else (in_months, round(weeks / _WEEKS_A_MONTH))
    )
    return language.say_count(sentences, n, label=next_size.label, after=next_size.after)


def chart_notice(language: Language) -> str:
    """Say that the bodies the sizes are cut for are estimated.

    Parameters
    ----------
    language
        Whose sentences.
    """
    return language.say(_CHART_NOTICE)


def because_text(because: Because, language: Language) -> str | None:
    """Write one reason.

    Parameters
    ----------
    because
        Code and figures.
    language
        Whose sentences.

    Returns
    -------
    str or None
        None for a code that has no sentence, as a model newer than the service may send.
    """
    figures = because.figures
    match because.code:
        case "kept_before":
            return language.say_count(_KEPT_BEFORE, int(figures["n"]), label=figures["label"])
        case "measurements":
            return language.say(_MEASUREMENTS, label=figures["label"])
        case "age":
            return language.say(_AGE, label=figures["label"])
        case "other_body":
            return language.say(_OTHER_BODY)
        case "product_runs_small" | "product_runs_large":
            n = int(figures["n"])
            sentences = _RUNS_SMALL if because.code == "product_runs_small" else _RUNS_LARGE
            return language.say_count(sentences, n, count=round(float(figures["share"]) * n))
        case "crowd":
            return language.say_count(_CROWD, int(figures["n"]))
        case "market_average":
            return language.say(_MARKET_AVERAGE)
        case _:
            return None


def question_text(field: str, language: Language) -> str:
    """Ask for the measurement that would help most.

    Parameters
    ----------
    field
        Contract column name, such as ``height_cm``.
    language
        Whose sentences.
    """
    return language.say(_ASK.get(field, _ASK_MORE))


def without_history_notice(language: Language) -> str:
    """Say that the answer was given without what is on record.

    Parameters
    ----------
    language
        Whose sentences.
    """
    return language.say(_WITHOUT_HISTORY_NOTICE)


def locale_notice(language: Language) -> str:
    """Say that the language asked for is not there.

    Parameters
    ----------
    language
        What answers instead; its ``asked`` is set.
    """
    return language.say(_LOCALE_NOTICE, asked=language.asked, given=language.bcp47)


def system_notice(systems: Sequence[str], language: Language) -> str:
    """Say which asked size systems the product's labels cannot be shown in.

    Parameters
    ----------
    systems
        At least one size system.
    language
        Whose sentences.
    """
    return language.say(_SYSTEM_NOTICE, systems=language.both(systems))
