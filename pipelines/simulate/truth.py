"""What is true and no shop knows: for judging advice and scores, never for training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from data_contracts.tables import ABUSE_KIND, FIT, RETURN_REASON
from pipelines.simulate.catalogue import CHARTS
from pipelines.simulate.frames import names, only, times
from pipelines.simulate.ladders import DIMENSIONS
from pipelines.simulate.shoppers import WEARERS
from pipelines.simulate.tables import line_ids
from pipelines.simulate.world import World


def truth_tables(world: World) -> dict[str, pd.DataFrame]:
    """The truth behind the public tables.

    Parameters
    ----------
    world : World

    Returns
    -------
    dict of str to DataFrame
        ``fit_truth``: (order_line_id, size_label) to p_small, p_fit, p_large under do(size) for
        the true wearer at the moment of ordering, residual noise integrated out.
        ``lines_truth``: wearer, best_size, p_fit of the own choice and of the best size, the fit
        that came about, the cause of a return, abuse, second_size (ordered beside another size or
        colour of the same). ``products_truth``: size system, told or not, chart and cut in size
        steps, faults.
        ``customers_truth`` and ``wearers_truth``: who they are.
    """
    return {
        "fit_truth": _fit(world),
        "lines_truth": _lines(world),
        "products_truth": _products(world),
        "customers_truth": _customers(world),
        "wearers_truth": _wearers(world),
    }


def _frame(columns: dict[str, Any]) -> pd.DataFrame:
    """Words become `str`, whatever is missing among them."""
    words = {k for k, v in columns.items() if getattr(v, "dtype", None) == np.dtype(object)}
    return pd.DataFrame(
        {k: pd.Series(v, dtype="str") if k in words else v for k, v in columns.items()}
    )


def _fit(world: World) -> pd.DataFrame:
    f, c = world.fits, world.catalogue
    size = c.start[world.lines.product][f.line] + f.rank
    ids, labels = pd.Series(line_ids(world), dtype="str"), pd.Series(c.label, dtype="str")
    return pd.DataFrame(
        {
            "order_line_id": ids.take(f.line).reset_index(drop=True),
            "size_label": labels.take(size).reset_index(drop=True),
            "p_small": f.small,
            "p_fit": f.fit,
            "p_large": f.large,
        }
    )


def _lines(world: World) -> pd.DataFrame:
    f, lines, c = world.fits, world.lines, world.catalogue
    known = world.claims.requested < world.snapshot
    cause = np.where(known, world.claims.cause, -1)
    abused = known & world.claims.abused
    return _frame(
        {
            "order_line_id": line_ids(world),
            "wearer": names(WEARERS, world.shoppers.slot[lines.wearer]),
            "best_size": c.label[c.start[lines.product] + f.rank[f.best]],
            "p_fit": f.fit[f.chosen],
            "p_fit_best": f.fit[f.best],
            "fit": names(FIT, f.outcome + 1),
            "reason": names(RETURN_REASON, cause),
            "is_abuse": abused,
            "abuse_kind": names(ABUSE_KIND, np.where(abused, world.abused_kind, -1)),
            "second_size": lines.extra > 0,
        }
    )


def _products(world: World) -> pd.DataFrame:
    c = world.catalogue
    defective = np.where(np.isinf(c.defect_from_day), np.nan, c.defect_from_day)
    kinked = c.kink_rank >= 0
    return _frame(
        {
            "product_id": c.product_id,
            "true_system": names(tuple(x.system for x in c.all_ladders), c.ladder),
            "chart_shift": c.chart_shift,
            "brand_offset": c.brand_offset,
            "product_offset": c.product_offset,
            "kinked_size": only(kinked, c.label[c.start + np.maximum(c.kink_rank, 0)]),
            "kink": c.kink,
            "chart": names(CHARTS, c.chart),
            "asian_letters": c.asian,
            "misleading_colour": c.misleading_colour,
            "wrongly_described": c.wrongly_described,
            "defective_from": times(world.assumptions.start, defective),
        }
    )


def _customers(world: World) -> pd.DataFrame:
    w = world.shoppers
    return _frame(
        {
            "customer_id": w.customer_id,
            "abuse_kind": names(ABUSE_KIND, world.customer_kind),
            "returning": w.returning,
            "reads_charts": w.reads_charts,
        }
    )


def _wearers(world: World) -> pd.DataFrame:
    w = world.shoppers
    midway = np.full(w.owner.size, world.assumptions.days / 2)
    body = w.bodies.at(np.arange(w.owner.size), midway)
    columns: dict[str, Any] = {
        "customer_id": w.customer_id[w.owner],
        "wearer": names(WEARERS, w.slot),
        "sex": names(("female", "male"), np.where(w.female, 0, 1)),
        "born_on": times(world.assumptions.start, w.bodies.born_day),
        "ease": w.ease,
    }
    columns |= {f"{d}_midway": body[:, i] for i, d in enumerate(DIMENSIONS)}
    return _frame(columns)
