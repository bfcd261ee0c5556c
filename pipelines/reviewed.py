"""What reviewers decided, as labels for the next training of the abuse model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features.audit import AuditStore

__all__ = ["NEAR", "with_reviewed"]

NEAR = pd.Timedelta(days=14)
"""Farthest apart a review and a return of its order line may be asked for and be the same claim."""

_COLUMNS = ["return_id", "customer_id", "label", "kind", "decided_at", "decided_by"]


def with_reviewed(
    tables: Mapping[str, pd.DataFrame], audit: AuditStore
) -> tuple[dict[str, pd.DataFrame], str]:
    """Add the outcomes of return reviews to ``abuse_labels``.

    Only a review's last outcome counts, and only if it judges honesty. It belongs to the return the
    review names, else to the return of its order line asked for nearest in time, within `NEAR`. It
    takes the place of a label of the same return that was decided before it, or by a model.

    Parameters
    ----------
    tables
        Contract tables; ``order_lines`` and ``returns`` are needed for a label to find its return.
    audit
        The record of reviews.

    Returns
    -------
    tables : dict of str to DataFrame
        The same tables with another ``abuse_labels``, whose ``decided_by`` is ``investigator`` and
        ``decided_at`` the time of the outcome.
    note : str
        One sentence: how many outcomes became labels, and why others did not.
    """
    judged = audit.labels()
    if judged.empty:
        return dict(tables), "no reviewer has judged the honesty of a return yet"
    found, why_not = _matched(judged, tables)
    rows = pd.DataFrame(
        {
            **{name: found[name] for name in ("return_id", "customer_id", "label", "kind")},
            "decided_at": found["decided_at"],
            "decided_by": pd.Series("investigator", index=found.index, dtype="str"),
        }
    )
    # The order of `labels` is the order of judging, which counts where two times are equal.
    rows = rows.sort_values("decided_at", kind="stable")
    latest = rows.drop_duplicates("return_id", keep="last")
    why_not["decided again in another review of the same return"] = len(rows) - len(latest)
    before = tables.get("abuse_labels")
    before = latest.iloc[:0] if before is None else before
    old = before.set_index("return_id").reindex(latest["return_id"])
    stays = (
        old["decided_at"].gt(pd.Series(latest["decided_at"].array, index=old.index))
        & old["decided_by"].ne("model")
    ).to_numpy()
    why_not["older than the label the tables have"] = int(stays.sum())
    latest = latest[~stays]
    replaced = before["return_id"].isin(latest["return_id"])
    labels = pd.concat([before[~replaced], latest[_COLUMNS]], ignore_index=True)
    labels = labels.astype({name: before[name].dtype for name in before.columns})
    note = (
        f"{len(judged):,} outcome{'s' if len(judged) != 1 else ''} of return reviews:"
        f" {len(latest):,} taken as labels, {int(replaced.sum()):,} of them in place of older ones"
    )
    note += "".join(f"; {count:,} {why}" for why, count in why_not.items() if count)
    return {**tables, "abuse_labels": labels.reset_index(drop=True)}, note


def _matched(
    judged: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Outcomes with their return and its customer, and how many have none, by reason."""
    lines = tables["order_lines"][["order_line_id", "customer_id"]]
    returns = tables.get("returns")
    if returns is None:
        returns = pd.DataFrame(
            {
                "return_id": pd.Series(dtype="str"),
                "order_line_id": pd.Series(dtype="str"),
                "requested_at": pd.Series(dtype="datetime64[us, UTC]"),
            }
        )
    claims = returns[["return_id", "order_line_id", "requested_at"]].merge(
        lines, on="order_line_id"
    )
    claims = claims.rename(
        columns={"requested_at": "claimed_at", "order_line_id": "line", "customer_id": "buyer"}
    )
    asked = judged.assign(place=np.arange(len(judged)))
    named = asked[asked["return_id"].notna()].merge(claims, on="return_id")
    unnamed = asked[asked["return_id"].isna()].drop(columns="return_id")
    unnamed = unnamed.merge(claims, left_on="order_line_id", right_on="line")
    unnamed["apart"] = (unnamed["claimed_at"] - unnamed["requested_at"]).abs()
    unnamed = unnamed[unnamed["apart"] <= NEAR].sort_values(["apart", "return_id"], kind="stable")
    unnamed = unnamed.drop_duplicates("place").drop(columns="apart")
    found = pd.concat([named, unnamed], ignore_index=True).sort_values("place", kind="stable")
    waiting = len(asked) - len(found)
    other = found["order_line_id"].notna() & found["order_line_id"].ne(found["line"])
    # Who claims what another bought must not bring a label upon the buyer.
    foreign = found["customer_id"].notna() & found["customer_id"].ne(found["buyer"]) & ~other
    early = found["decided_at"].lt(found["claimed_at"]) & ~other & ~foreign
    why_not = {
        "about a return that is not in the tables yet": waiting,
        "about a return that the tables have under another order line": int(other.sum()),
        "about a claim of another customer than the buyer": int(foreign.sum()),
        "decided before the tables say the return was asked for": int(early.sum()),
    }
    found = found[~other & ~foreign & ~early].drop(columns="customer_id")
    return found.rename(columns={"buyer": "customer_id"}), why_not
