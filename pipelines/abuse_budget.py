"""How much abuse a review desk finds with a score, against the rules shops use without one.

A desk can look at a share of all claims, the budget, and takes those with the highest score. It
needs the truth about every claim, which only a simulated shop tells.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.abuse_facts import claim_rows, line_rows

__all__ = ["BUDGETS", "bracketers", "budget_metrics", "heavy_returners", "rule_scores"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BUDGETS = (0.02, 0.05)
_LEAST_FOR_RATE = (1, 3, 5)
_HEAVY = 0.9
_BRACKETS = 2


def budget_metrics(abused: Bools, score: Floats) -> dict[str, float]:
    """Average precision, and precision and recall at `BUDGETS`.

    Parameters
    ----------
    abused
        The truth, shape (n,).
    score
        Scores, shape (n,). Among equal scores a budget takes its expected share.

    Returns
    -------
    dict of str to float
        ``average_precision``; ``precision_at_2``, ``recall_at_2`` and so on, budgets in per cent.
    """
    from sklearn.metrics import average_precision_score

    figures = {"average_precision": float(average_precision_score(abused, score))}
    for budget in BUDGETS:
        places = max(budget * len(score), 1.0)
        edge = np.sort(score)[::-1][int(np.ceil(places)) - 1]
        above, tied = score > edge, score == edge
        left = (places - above.sum()) / tied.sum()
        found = float(abused[above].sum() + left * abused[tied].sum())
        name = f"at_{budget * 100:g}"
        figures[f"precision_{name}"] = found / places
        figures[f"recall_{name}"] = found / max(float(abused.sum()), 1.0)
    return figures


def rule_scores(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The scores of the two usual rules, in several variants, for every claim on record.

    Parameters
    ----------
    tables
        Contract tables; ``order_lines`` and ``returns`` are needed.

    Returns
    -------
    DataFrame
        Indexed by ``return_id``. ``return count``: claims of the account before this one, and of
        the last 180 days. ``return rate``: those per line that had arrived, for accounts with at
        least 1, 3 or 5 such lines, 0 for others.
    """
    lines = line_rows(tables, {})
    claims = claim_rows(tables["returns"], lines)
    arrivals = lines.dropna(subset=["delivered"])
    count = _before(claims, claims, "at")
    recent = count - _before(claims, claims, "at", days=180.0)
    arrived = _before(claims, arrivals, "delivered")
    rules = {"return count, ever": count, "return count, 180 days": recent}
    for least in _LEAST_FOR_RATE:
        rate = np.where(arrived >= least, (count + 1) / np.maximum(arrived, 1), 0.0)
        rules[f"return rate, {least} arrived"] = rate
    return pd.DataFrame(rules, index=pd.Index(claims["return_id"], name="return_id"))


def heavy_returners(tables: Mapping[str, pd.DataFrame], honest: Bools, ids: pd.Index) -> Bools:
    """Which claims are of honest accounts in the top tenth of return counts.

    Parameters
    ----------
    tables
        Contract tables.
    honest
        By claim, whether its account never abuses.
    ids
        ``return_id`` of those claims.
    """
    account = _account(tables, ids)
    claims = account[honest].value_counts()
    if claims.empty:
        return np.zeros(len(ids), dtype=bool)
    heavy = claims.index[claims.to_numpy() >= max(float(np.quantile(claims, _HEAVY)), 2.0)]
    who: Bools = honest & account.isin(heavy).to_numpy()
    return who


def bracketers(tables: Mapping[str, pd.DataFrame], ids: pd.Index) -> Bools:
    """Which claims are of accounts that ordered several of a product at once, twice or more."""
    lines = line_rows(tables, {})
    several = lines[lines["alike"] > 1].drop_duplicates(["order_id", "product_id"])
    often = several["customer_id"].value_counts()
    account = _account(tables, ids)
    who: Bools = account.isin(often[often >= _BRACKETS].index).to_numpy()
    return who


def _account(tables: Mapping[str, pd.DataFrame], ids: pd.Index) -> pd.Series:
    line = tables["returns"].set_index("return_id")["order_line_id"].reindex(ids)
    buyer = tables["order_lines"].set_index("order_line_id")["customer_id"]
    return pd.Series(buyer.reindex(line.to_numpy()).to_numpy(), index=ids)


def _before(claims: pd.DataFrame, rows: pd.DataFrame, moment: str, days: float = 0.0) -> Floats:
    """Rows of the same account strictly before each claim, `days` earlier."""
    at = rows[moment].astype("float64").to_numpy()
    of = {key: np.sort(at[places]) for key, places in rows.groupby("customer_id").indices.items()}
    nothing = np.empty(0)
    asked = claims["at"].to_numpy(dtype="float64") - days * 86_400e6
    return np.array(
        [
            float(np.searchsorted(of.get(who, nothing), when, side="left"))
            for who, when in zip(claims["customer_id"], asked, strict=True)
        ]
    )
