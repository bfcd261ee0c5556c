"""Children known by little: by their birth date alone, or by that and one size that was kept.

What else is known of the child moves to an account of its own, so that the shop learns from as many
orders as before and the advice still cannot use them for this child.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from tests.benchmarks.shops import Case

_AUDIENCES = ("baby", "girls", "boys")
_KEPT_AFTER = pd.Timedelta(days=31)
_DAY = pd.Timedelta(days=1)
_CHILD = ["customer_id", "wearer"]


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
    garment = of.tables["products"].set_index("product_id")["category"].map(_garments())
    lines["garment"] = lines["product_id"].map(garment)
    return lines[["order_line_id", *_CHILD, "garment", "ordered_at", "delivered_at"]]


def _garments() -> dict[str, str]:
    from pipelines.simulate.categories import CATEGORIES

    return {c.name: c.garment for c in CATEGORIES}


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
