"""What choices of sizes say, beside the body: of the product, and of the person.

Shoppers read reviews and charts. If those who know their size take this product two steps above it,
the product's labels stand two steps low, whatever came of it. Three figures follow, each from what
was known before the order, so that sums of them are histories like any other:

``shift``
    by how much earlier buyers of the product chose above their natural size (steps);
``fair``
    the position of the chosen size with that taken off: the size of a plain product;
``surplus``
    by how much this order lies above what the person usually takes, from the body and their earlier
    fair positions; its mean over a product's orders is the sharper estimate of the shift.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.engines import Engine, collected, native
from features.growth import age_of_stature
from features.histories import History, Sum
from features.state import state_key
from features.wearers import FARTHEST
from features.window import WHOLE, Window

__all__ = [
    "BASKET",
    "CARRIED",
    "CHOICE_VARIANCE",
    "OWN_SHARE",
    "SHIFT_PRIOR",
    "choice_items",
    "usual_position",
    "with_choices",
]

Floats = npt.NDArray[np.float64]

SHIFT_PRIOR = 3.0
"""Orders that the assumption of no shift weighs as much as."""

CHOICE_VARIANCE = 0.25
"""How far one choice lies off what the person usually takes, in squared steps."""
OWN_SHARE = 0.7
"""Of the spread of choices given the body: what is the person's own, and lasts."""

CARRIED = (
    "fair", "level", "spread_1", "spread_2", "spread_3", "born", "surplus", "surplus_weight",
)  # fmt: skip
"""What is found when a line is ordered, and counts again when its outcome is told."""
_CHOSEN = "chosen"

BASKET = ("basket_lines", "basket_fair")
"""What the other lines of the order tell, on the same scale: how many, and their mean fair
position. The API does not ask for the basket, so the model also learns to do without."""

_PRODUCT = History(
    "crowd",
    ("product_id",),
    (Sum("gap", "ordered", "gap"), Sum("weight", "ordered", "gap_weight")),
)
_PERSON = History(
    "own",
    ("person", "scale"),
    (Sum("orders", "ordered"), Sum("fair", "ordered", "fair")),
)


def usual_position(natural: Floats, natural_sd: Floats, orders: Floats, fair: Floats) -> Floats:
    """What a person usually takes: natural size and earlier fair positions, by their precision.

    Parameters
    ----------
    natural, natural_sd
        Natural position and how far it may be off, in steps.
    orders, fair
        Earlier orders on the scale and the sum of their fair positions.
    """
    weight = CHOICE_VARIANCE / (OWN_SHARE * natural_sd**2)
    usual: Floats = (weight * natural + fair) / (weight + orders)
    return usual


def _precision(natural_sd: Floats, orders: Floats) -> Floats:
    """How much a choice says of the product: 1 where the person's usual size is known well."""
    person = 1 / (1 / (OWN_SHARE * natural_sd**2) + orders / CHOICE_VARIANCE)
    precision: Floats = np.nan_to_num(CHOICE_VARIANCE / (person + CHOICE_VARIANCE))
    return precision


def with_choices(
    facts: pd.DataFrame, engine: Engine = "polars", window: Window = WHOLE
) -> pd.DataFrame:
    """Add to lines ``fair``, ``level``, ``spread_1`` ..., ``born``, ``surplus`` and `BASKET`.

    Parameters
    ----------
    facts
        Lines with natural size; see :func:`features.lines.with_natural_size`.
    engine
        What computes the histories; see :mod:`features.engines`.
    window
        Lines before it were looked at when they were ordered, and are given what was found then.

    Notes
    -----
    ``level`` is the fair position in standard deviations of all choices on the scale, which carries
    over from one scale to another. ``spread_1``, ``_2`` and ``_3`` are the powers of the fair
    position less the mean of the scale, which tell of two wearers (:mod:`features.wearers`).
    ``surplus`` is already weighted by ``surplus_weight``: the better the usual position is known,
    the more the surplus says of the product. Where neither body nor order is known it says nothing.
    """
    if window.state is not None:
        new = window.is_new(facts["at"])
        chosen = _choices(facts[new], engine, window)
        return pd.concat([chosen, _as_found(facts[~new], window)]).reindex(facts.index)
    return _choices(facts, engine, window)


def choice_items(
    facts: pd.DataFrame, engine: Engine, window: Window
) -> Iterator[tuple[str, bytes]]:
    """What the next lines need to know of these, as keys and values of the state store.

    Parameters
    ----------
    facts
        See :func:`with_choices`.
    engine, window
        As given to it.
    """
    facts = facts[window.is_new(facts["at"])]
    lines = _lines(facts, *_gaps(facts)).assign(fair=facts["fair"])
    for history in (_PRODUCT, _PERSON):
        yield from window.final_items(history, _native(history, lines, engine))
    found = facts[list(CARRIED)].to_numpy(dtype="<f8")
    for line, row in zip(facts["order_line_id"], found, strict=True):
        yield state_key(_CHOSEN, line), row.tobytes()


def _as_found(facts: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Lines of before the window with what was found when they were ordered."""
    assert window.state is not None
    keys = [state_key(_CHOSEN, line) for line in facts["order_line_id"]]
    stored = window.state.get_many(keys)
    unknown = np.full(len(CARRIED), np.nan).tobytes()
    found = np.frombuffer(b"".join([stored.get(key, unknown) for key in keys]), "<f8")
    columns = found.reshape(-1, len(CARRIED)).T
    return facts.assign(**dict(zip(CARRIED, columns, strict=True)))


def _gaps(facts: pd.DataFrame) -> tuple[Floats, Floats]:
    """Steps each line was chosen above the natural size, and how much that says."""
    gap, spread = (facts[name].to_numpy(dtype="float64") for name in ("gap", "natural_sd"))
    weight = np.where(np.isfinite(gap), _precision(spread, np.zeros(len(facts))), 0.0)
    return np.where(weight > 0, gap * weight, 0.0), weight


def _lines(facts: pd.DataFrame, gap: Floats, weight: Floats) -> pd.DataFrame:
    return facts[["product_id", "person", "scale", "at"]].assign(
        gap=gap, gap_weight=weight, kind="ordered", verdict=None, query=np.arange(len(facts))
    )


def _choices(facts: pd.DataFrame, engine: Engine, window: Window) -> pd.DataFrame:
    natural, natural_sd, gap, position = (
        facts[name].to_numpy(dtype="float64")
        for name in ("natural", "natural_sd", "gap", "position")
    )
    lines = _lines(facts, *_gaps(facts))
    crowd = _before(_PRODUCT, lines, engine, window)
    shift = crowd[:, 0] / (crowd[:, 1] + SHIFT_PRIOR)
    fair = position - shift
    own = _before(_PERSON, lines.assign(fair=fair), engine, window)
    surplus = position - usual_position(natural, natural_sd, own[:, 0], own[:, 1])
    told = np.isfinite(gap) | (own[:, 0] > 0)
    weight = np.where(told & np.isfinite(surplus), _precision(natural_sd, own[:, 0]), 0.0)
    apart = np.clip(fair - facts["scale_mean"].to_numpy(dtype="float64"), -FARTHEST, FARTHEST)
    others, beside = _beside(facts, fair)
    return facts.assign(
        born=_born(facts, fair),
        basket_lines=others,
        basket_fair=beside,
        fair=fair,
        level=(fair - facts["scale_mean"]) / facts["scale_sd"],
        spread_1=apart,
        spread_2=apart**2,
        spread_3=apart**3,
        surplus=np.where(weight > 0, surplus * weight, 0.0),
        surplus_weight=weight,
    )


def _born(facts: pd.DataFrame, fair: Floats) -> Floats:
    """When the median child that needed this size was born, in years of the histories' time.

    A child of unknown age is as old as its sizes say, and grows from there; nil on other scales.
    """
    stature = fair * facts["step_cm"].to_numpy(dtype="float64")
    age = age_of_stature(np.nan_to_num(stature), None)
    return np.where(np.isfinite(stature), facts["years"].to_numpy(dtype="float64") - age, 0.0)


def _beside(facts: pd.DataFrame, fair: Floats) -> tuple[Floats, Floats]:
    """Other lines of the order on the same scale: how many, and their mean fair position."""
    # A line added to the order later was not in the basket yet.
    order = [facts["order_id"], facts["at"], facts["scale"].astype(object).fillna("")]
    positions = pd.Series(fair, index=facts.index)
    same = positions.groupby(order)
    others = same.transform("count") - positions.notna()
    mean = (same.transform("sum") - positions.fillna(0.0)) / others.where(others > 0)
    return others.to_numpy(dtype="float64"), mean.to_numpy(dtype="float64")


def _native(history: History, lines: pd.DataFrame, engine: Engine) -> Any:
    return native(lines, (*history.key, "kind", "verdict"), engine)


def _before(history: History, lines: pd.DataFrame, engine: Engine, window: Window) -> Floats:
    """Values of a history of orders, before each order."""
    frame = _native(history, lines, engine)
    values = collected(window.values_before(history, frame, frame))
    out = np.zeros((len(lines), len(history.sums)))
    out[values["query"].to_numpy()] = values.select(*history.columns).to_numpy()
    return out
