"""Order lines with everything that was known when they were placed, and nothing later.

The facts of a line are its product, the place of its size, the wearer's body as last told by then
and the natural size that follows. Outcomes are not among them: they live in the event stream.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data_contracts.lazy import pd
from features.bodies import BODY_COLUMNS, UNNAMED, NaturalSize, body_matrix
from features.children import (
    EXPECTED,
    GROWN_YEARS,
    NOT_MEANT_CM,
    OUTGROWN,
    STALE_US,
    YEAR_US,
    growing_body,
    implied_birth,
    misfit,
    moment,
    product_heights,
)
from features.geometry import parent_scale
from features.histories import T0_US
from features.positions import AGED, CHILDREN, PLACES, SizeScales, is_child_scale

__all__ = [
    "GROWN_YEARS",
    "PERSON_TEXTS",
    "SAME_BIRTH_US",
    "STALE_US",
    "YEAR_US",
    "body_scale",
    "is_aged",
    "is_unnamed",
    "line_facts",
    "people_on_record",
    "to_micros",
    "with_natural_size",
]

_PRODUCT = ("product_id", "category", "brand", "audience", "size_system", "material")
PERSON_TEXTS = ("body_shape", "sex", "fit_preference")
SAME_BIRTH_US = YEAR_US
"""Births closer than this may be one: ages are told in whole years."""
_CHILD_AGE, _CHILD_HEIGHT = 15.0, 140.0


def to_micros(times: pd.Series) -> pd.Series:
    """UTC timestamps as whole microseconds since the epoch, null kept (Int64)."""
    micros = times.astype("datetime64[us, UTC]").astype("int64").astype("Int64")
    return micros.mask(times.isna().to_numpy())


def people_on_record(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every person's figures after each measurement: what is not told anew stays as last told.

    Returns
    -------
    DataFrame
        ``customer_id``, ``wearer``, ``measured`` (microseconds), the body figures and texts,
        ``birth``, ``birth_date`` as last told, and the moment each figure was measured
        (microseconds); sorted by ``measured``. A ``birth`` that follows from an age gives way to a
        date told before that is less than `SAME_BIRTH_US` away.
    """
    people = measurements.copy()
    people["wearer"] = people["wearer"].astype(object).fillna("self").astype(str)
    people["measured"] = to_micros(people["measured_at"]).astype("float64")
    date = to_micros(pd.to_datetime(people["birth_date"], utc=True)).astype("float64")
    people["birth_date"] = date
    # An age is told once and runs on: what stays as told is the moment of birth.
    age = people["age_years"].astype("float64")
    people["birth"] = date.fillna(people["measured"] - age * YEAR_US)
    people = people.sort_values(["measured", "customer_id", "wearer"], kind="stable")
    moments = [moment(figure) for figure in OUTGROWN]
    for figure, told_at in zip(OUTGROWN, moments, strict=True):
        people[told_at] = people["measured"].where(people[figure].notna())
    told = [*OUTGROWN, *moments, "cup", *PERSON_TEXTS, "birth", "birth_date"]
    person = [people["customer_id"], people["wearer"]]
    if people.duplicated(["customer_id", "wearer"]).any():
        date = people["birth_date"].groupby(person).ffill()
        rounded = people["birth"].sub(date).abs().lt(SAME_BIRTH_US)
        people["birth"] = people["birth"].mask(rounded, date)
        people[told] = people[told].groupby(person).ffill()
    return people[["customer_id", "wearer", "measured", *told]].reset_index(drop=True)


def line_facts(
    tables: Mapping[str, pd.DataFrame], scales: SizeScales, placed: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Join every order line with what was known at ``ordered_at``.

    Parameters
    ----------
    tables
        Contract tables, normalised; ``order_lines`` and ``products`` are needed, others help.
    scales
        Fitted size axes.
    placed
        The catalogue on them, where it is at hand; see :meth:`SizeScales.place`.

    Returns
    -------
    DataFrame
        In the order of ``order_lines``: ids, ``at`` (int64 microseconds), product attributes,
        ``scale``, ``position``, ``size_rank``, chart middles, body figures by `BODY_COLUMNS` and
        texts.
    """
    lines = tables["order_lines"]
    facts = lines[
        ["order_line_id", "order_id", "customer_id", "product_id", "size_label", "colour", "market"]
    ].copy()
    facts["occasion"] = lines["occasion"]
    facts["wearer"] = lines["wearer"].astype(object).fillna("self").astype(str)
    facts["at"] = to_micros(lines["ordered_at"]).astype("int64")
    facts["years"] = (facts["at"] - T0_US) / YEAR_US
    facts["delivered"] = to_micros(lines["delivered_at"])
    products = tables["products"][list(_PRODUCT)]
    facts = facts.merge(products, on="product_id", how="left")
    if placed is None:
        placed = scales.place(tables["products"], tables["product_sizes"])
    facts = facts.merge(placed, on=["product_id", "size_label"], how="left")
    facts = _with_people(facts, tables, placed)
    facts = _without_other_bodies(facts)
    facts["audience"] = facts["audience"].astype(object).fillna("any").astype(str)
    facts["body_scale"] = body_scale(facts)
    # Whom the garment is for, where nobody named them but one child must be meant.
    wearer = facts.pop("meant").fillna(facts["wearer"])
    facts["person"] = facts["customer_id"] + "\x1f" + wearer.astype(facts["wearer"].dtype)
    facts[list(PLACES)] = facts[list(PLACES)].astype("float64")
    return facts


def _with_people(
    facts: pd.DataFrame, tables: Mapping[str, pd.DataFrame], placed: pd.DataFrame
) -> pd.DataFrame:
    """The figures told at or before the order, as they are when the garment is worn."""
    measurements = tables.get("body_measurements")
    moments = [moment(figure) for figure in OUTGROWN]
    facts["meant"] = pd.Series(None, index=facts.index, dtype=object)
    if measurements is None or measurements.empty:
        facts[[*OUTGROWN, *moments, "birth"]] = np.nan
        facts[["cup", *PERSON_TEXTS]] = None
    else:
        people = people_on_record(measurements).drop(columns="birth_date")
        named = _as_of(facts, people, ["customer_id", "wearer"])
        # Garments for children name no child most often: one that they can fit is meant.
        anyone = facts["audience"].isin(CHILDREN) & facts["wearer"].eq("self")
        told = named.where(~anyone)
        meant = _meant_children(facts[anyone], people, product_heights(placed))
        told.loc[meant.index] = meant[told.columns]
        facts.loc[meant.index, "meant"] = meant["wearer"]
        facts = pd.concat([facts, told.drop(columns="measured")], axis=1)
    facts["birth"] = implied_birth(facts)
    facts["age_years"] = (facts["at"] - facts["birth"]) / YEAR_US
    today = growing_body(facts)
    facts[today.columns] = today
    # Grown-ups do not grow: their age would only stand in for what it must not.
    facts["grown_up"] = facts["age_years"].ge(GROWN_YEARS)
    facts["age_years"] = facts["age_years"].where(~facts["grown_up"])
    facts["cup_index"] = body_matrix(facts)[:, BODY_COLUMNS.index("cup_index")]
    return facts.drop(columns=["birth", "cup", *moments])


def _meant_children(
    lines: pd.DataFrame, people: pd.DataFrame, heights: pd.DataFrame
) -> pd.DataFrame:
    """The child meant by each line, of those on the account; lines of no known child are left out.

    The rule of :func:`features.children.choose_child`.
    """
    children = people.loc[is_child_record(people), ["customer_id", "wearer"]].drop_duplicates()
    asked = lines[["customer_id", "product_id", "audience", "at"]].assign(_line=lines.index)
    pairs = asked.merge(children, on="customer_id").merge(
        heights, left_on="product_id", right_index=True, how="left"
    )
    pairs = pairs.reset_index(drop=True)
    told = _as_of(pairs, people, ["customer_id", "wearer"])
    pairs = pd.concat([pairs, told], axis=1)
    pairs = pairs[is_child_record(pairs)].reset_index(drop=True)
    if pairs.empty:
        return pairs.iloc[:0]
    today = growing_body(pairs.assign(birth=implied_birth(pairs)))
    height = today[EXPECTED[0]].fillna(today["height_cm"])
    low, high = (pairs[name].to_numpy(dtype="float64") for name in ("low", "high"))
    away = misfit(height.to_numpy(), pairs["sex"], pairs["audience"], low, high)
    pairs = pairs.assign(_away=-away)[away <= NOT_MEANT_CM]
    order = pairs.sort_values(["_line", "_away", "measured", "wearer"], kind="stable")
    return order.drop_duplicates("_line", keep="last").set_index("_line")[[*told.columns, "wearer"]]


def _as_of(facts: pd.DataFrame, people: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The latest record at or before each line, in the order of the lines."""
    asked = facts[["at", *by]].assign(_at=facts["at"].astype("float64"), _row=np.arange(len(facts)))
    told = [c for c in people if c not in ("customer_id", "wearer")]
    found = pd.merge_asof(
        asked.sort_values("_at", kind="stable"),
        people[[*by, *told]],
        left_on="_at",
        right_on="measured",
        by=by,
    )
    return found.sort_values("_row")[told].reset_index(drop=True)


def is_child_record(people: pd.DataFrame) -> pd.Series:
    """Whether each row of :func:`people_on_record` is of a child, by age or else by height."""
    age = (people["measured"] - people["birth"]) / YEAR_US
    return age.lt(_CHILD_AGE) | (age.isna() & people["height_cm"].lt(_CHILD_HEIGHT))


def _without_other_bodies(facts: pd.DataFrame) -> pd.DataFrame:
    """Forget figures of a body the garment cannot be for.

    An order that names no wearer is often for somebody else of the family: a grown-up's height says
    nothing of the child's romper, nor a woman's waist of the men's trousers.
    """
    children = facts["audience"].isin(CHILDREN)
    tall = facts["age_years"].isna() & facts["height_cm"].gt(165)
    grown = facts["grown_up"] | tall
    small = facts["height_cm"].lt(130) | facts["age_years"].lt(10)
    sex = facts["sex"].map({"female": "women", "male": "men"})
    other = sex.notna() & facts["audience"].isin(["women", "men"]) & sex.ne(facts["audience"])
    stranger = (children & grown) | (facts["audience"].isin(["women", "men"]) & small) | other
    figures = [name for name in BODY_COLUMNS if name != "age_years"]
    facts.loc[stranger, [*figures, *EXPECTED]] = np.nan
    facts.loc[stranger & (grown | small), "age_years"] = np.nan
    facts.loc[stranger, list(PERSON_TEXTS)] = None
    return facts.drop(columns="grown_up")


def body_scale(facts: pd.DataFrame) -> pd.Series:
    """The scale by which the body is read: apart where it may be another child's body."""
    scale = facts["scale"].astype(object)
    unnamed = scale.map(is_child_scale).gt(0) & facts["wearer"].eq("self")
    return scale.where(~unnamed, scale + UNNAMED)


def is_unnamed(scale: object) -> float:
    """1.0 where the body may be another's, 0.0 elsewhere."""
    return float(isinstance(scale, str) and scale.endswith(UNNAMED))


def is_aged(scale: object) -> bool:
    """Whether positions of a scale count from the size of a child's age."""
    return isinstance(scale, str) and AGED in scale


def with_natural_size(facts: pd.DataFrame, natural: NaturalSize) -> pd.DataFrame:
    """Add where the size stands against the person and against everybody.

    ``natural`` and ``natural_sd`` (steps): the size the body points to. ``gap`` = position -
    natural, NaN where no body figure is known: without one the natural size is the average's.
    ``scale_mean``, ``scale_sd``: of all choices on the scale. Where the body is read by a part of
    the scale, such as skirts, ``position`` is moved by what this kind of garment asks of this body
    beyond the whole, so that positions of a person compare across kinds.
    """
    body = facts[list(BODY_COLUMNS)].to_numpy(dtype="float64")
    part = facts["body_scale"].to_numpy(dtype=object)
    wholes = {name: parent_scale(name) or name for name in set(part) if isinstance(name, str)}
    whole = np.array([wholes.get(name) for name in part], dtype=object)
    mean, spread = natural.predict(body, whole)
    of_part, spread_of_part = natural.predict(body, part)
    cut = np.nan_to_num(of_part - mean)
    spread = np.where(np.isnan(spread_of_part), spread, spread_of_part)
    center, width = natural.of_scale(whole)
    figures = [i for i, name in enumerate(BODY_COLUMNS) if name != "age_years"]
    bodiless = ~np.isfinite(body[:, figures]).any(axis=1)
    # An age tells of a size where positions count from it.
    bodiless &= ~np.array([is_aged(name) for name in part], dtype=bool)
    position = facts["position"].to_numpy(dtype="float64") - cut
    return facts.assign(
        position=position,
        natural=mean,
        natural_sd=spread,
        gap=np.where(bodiless, np.nan, position - mean),
        scale_mean=center,
        scale_sd=width,
    )
