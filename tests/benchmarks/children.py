"""Children known by little: by their birth date alone, or by that and one size that was kept.

What else is known of the child moves to an account of its own, so that the shop learns from as many
orders as before and the advice still cannot use them for this child.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from pipelines.simulate.categories import CATEGORIES
from pipelines.simulate.world import World, draw_world
from tests.benchmarks.shops import VARIANTS, Case

_AUDIENCES = ("baby", "girls", "boys")
_KEPT_AFTER = pd.Timedelta(days=31)
_DAY = pd.Timedelta(days=1)
_CHILD = ["customer_id", "wearer"]
_LIKE = 1000
#: What a parent's choice strays by, in size steps: belief about the child, label, own experience.
_STRAYS = 0.33
#: Share of what does not fit that is kept all the same.
_KEEPS_ANYWAY = 0.4


def children_asked(of: Case) -> pd.DataFrame:
    """Each child's first held-out order: its lines, the day of birth, and the last size kept.

    Returns
    -------
    DataFrame
        `Case.lines` with ``born_on`` and ``kept``: id of the newest earlier line for the child, of
        the same kind of goods, that was delivered, not returned, and is no held-out one; null where
        there is none.
    """
    lines = of.lines[of.lines["wearer"].str.startswith("child")]
    lines = lines[lines["audience"].isin(_AUDIENCES) & lines["garment"].ne("none")]
    first = lines.groupby(_CHILD)["ordered_at"].transform("min")
    asked = lines[(lines["ordered_at"] == first) & ~lines["second_size"]].reset_index()
    born = of.truth["wearers_truth"][[*_CHILD, "born_on"]]
    asked = asked.merge(born, on=_CHILD)
    asked = asked[asked["ordered_at"] > asked["born_on"] + 2 * _DAY]
    earlier = _kept_lines(of).rename(columns={"order_line_id": "kept", "ordered_at": "kept_at"})
    pairs = asked[["order_line_id", *_CHILD, "garment", "ordered_at"]].merge(
        earlier, on=[*_CHILD, "garment"]
    )
    pairs = pairs[pairs["delivered_at"] + _KEPT_AFTER < pairs["ordered_at"]]
    last = pairs.sort_values("kept_at").drop_duplicates("order_line_id", keep="last")
    return asked.merge(last[["order_line_id", "kept", "kept_at"]], on="order_line_id", how="left")


def _kept_lines(of: Case) -> pd.DataFrame:
    lines = of.tables["order_lines"].drop(columns="wearer")
    lines = lines.merge(of.truth["lines_truth"][["order_line_id", "wearer"]], on="order_line_id")
    back = of.tables["returns"]["order_line_id"]
    lines = lines[~lines["order_line_id"].isin([*back, *of.held])]
    lines = lines[lines["delivered_at"].notna()]
    garments = {c.name: c.garment for c in CATEGORIES}
    garment = of.tables["products"].set_index("product_id")["category"].map(garments)
    lines["garment"] = lines["product_id"].map(garment)
    return lines[["order_line_id", *_CHILD, "garment", "ordered_at", "delivered_at"]]


def only_known_by(of: Case, asked: pd.DataFrame) -> Case:
    """The shop where the children asked about have a name and a birth date, and what `kept` says.

    Parameters
    ----------
    of : Case
    asked : DataFrame
        Rows of `children_asked`, with ``kept`` null where no earlier size may be known.
    """
    lines, told = (of.tables[name].copy() for name in ("order_lines", "body_measurements"))
    wearer = of.truth["lines_truth"].set_index("order_line_id")["wearer"]
    true_wearer = wearer.loc[lines["order_line_id"]].to_numpy()
    whose = lines["customer_id"] + "/" + true_wearer
    child = asked["customer_id"] + "/" + asked["wearer"]
    stay = [*asked["order_line_id"], *asked["kept"].dropna()]
    mine = whose.isin(set(child))
    named = mine & lines["order_line_id"].isin(stay)
    lines.loc[named, "wearer"] = true_wearer[named.to_numpy()]
    moved = mine & ~named
    lines.loc[moved, "customer_id"] = whose[moved]
    lines.loc[moved, "order_id"] += "/" + true_wearer[moved.to_numpy()]

    about = told["customer_id"] + "/" + told["wearer"]
    theirs = about.isin(set(child))
    told.loc[theirs, "customer_id"] = about[theirs]
    begin = asked[["ordered_at", "kept_at"]].min(axis=1) - pd.Timedelta(hours=1)
    births = pd.DataFrame(
        {
            "customer_id": asked["customer_id"],
            "wearer": asked["wearer"],
            "measured_at": begin,
            "birth_date": asked["born_on"],
        }
    ).sort_values("measured_at")
    births = births.drop_duplicates(_CHILD).reindex(columns=told.columns)
    births = births.astype(told.dtypes.to_dict())
    told = pd.concat([told, births], ignore_index=True).sort_values("measured_at", kind="stable")

    customers = of.tables["customers"]
    ghosts = pd.DataFrame({"ghost": pd.unique(whose[moved])})
    ghosts["customer_id"] = ghosts["ghost"].str.split("/").str[0]
    ghosts = ghosts.merge(customers, on="customer_id").drop(columns="customer_id")
    ghosts = ghosts.rename(columns={"ghost": "customer_id"})[customers.columns]
    tables = {
        "order_lines": lines,
        "body_measurements": told.reset_index(drop=True),
        "customers": pd.concat([customers, ghosts], ignore_index=True),
    }
    return replace(of, tables={**of.tables, **tables})


def knowable(of: Case, asked: pd.DataFrame) -> Mapping[str, bool]:
    """Whether the best size is the one most often best for children of whom as much is known.

    The bar that no advice can pass for long: it knows how every product truly is cut, and how
    children of an age differ in body and in wished ease. What it does not know is this child, but
    by the size that was kept (``kept``, which weighs the others by how likely they had taken and
    kept it).
    """
    variant, count, seed = of.made
    world = draw_world(count, seed, VARIANTS[variant])
    shoppers, catalogue = world.shoppers, world.catalogue
    children = np.flatnonzero(shoppers.bodies.is_child)
    children = np.random.default_rng(0).choice(children, min(_LIKE, children.size), replace=False)
    found = {}
    for line, kept in zip(asked["order_line_id"], asked["kept"], strict=True):
        at = int(line[1:]) - 1
        product = int(world.lines.product[at])
        weight = np.ones(children.size)
        if isinstance(kept, str):
            weight = _kept_by(world, children, int(kept[1:]) - 1)
        sizes = _cuts(world, product)
        best = np.abs(_wishes(world, children, at)[:, None] - sizes).argmin(axis=1)
        likeliest = int(np.bincount(best, weight, sizes.size).argmax())
        truly = catalogue.label[catalogue.start[product] + world.fits.rank[world.fits.best[at]]]
        found[line] = bool(catalogue.label[catalogue.start[product] + likeliest] == truly)
    return found


def _cuts(world: World, product: int) -> np.ndarray:
    first = world.catalogue.start[product]
    return world.catalogue.position[first : first + world.catalogue.count[product]]


def _wishes(world: World, children: np.ndarray, at: int) -> np.ndarray:
    """Where other children of the age would stand on the ladder of a line's product."""
    lines, bodies = world.lines, world.shoppers.bodies
    age = lines.day[at] - bodies.born_day[lines.wearer[at]]
    body = bodies.at(children, bodies.born_day[children] + age)
    product = np.full(children.size, lines.product[at])
    return world.catalogue.body_position(product, body) + world.shoppers.ease[children]


def _kept_by(world: World, children: np.ndarray, at: int) -> np.ndarray:
    """How likely other children had been bought a line's size and had kept it."""
    catalogue, product, rank = world.catalogue, world.lines.product[at], world.rank[at]
    wished = _wishes(world, children, at)
    # Half of how the garment is cut was known to who bought it, from reviews and from the brand.
    cut = catalogue.brand_offset[product] + catalogue.product_offset[product]
    aim = wished - catalogue.low[product] - 0.5 * cut
    low, high = (rank - 0.5 if rank else -np.inf), rank + 0.5
    last = rank == catalogue.count[product] - 1
    bought = norm.cdf((np.inf if last else high) - aim, scale=_STRAYS)
    bought -= norm.cdf(low - aim, scale=_STRAYS)
    off = _cuts(world, product)[rank] - wished
    noise, band = (
        world.assumptions.residual_noise,
        CATEGORIES[catalogue.category[product]].tolerance,
    )
    fits = norm.cdf((band - off) / noise) - norm.cdf((-band - off) / noise)
    return bought * (_KEEPS_ANYWAY + (1.0 - _KEEPS_ANYWAY) * fits)
