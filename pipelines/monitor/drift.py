"""Has the population moved since the training? Feature by feature, and what of it is real."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from pipelines.monitor.groups import ALL, Groups
from pipelines.monitor.judge import FEWEST_CUSTOMERS, where
from pipelines.monitor.limits import ModelLimits
from pipelines.monitor.population import Population
from pipelines.monitor.report import Check, Feature, Verdict
from pipelines.monitor.stability import holm, stability
from pipelines.monitor.subjects import Asked

__all__ = ["judge_drift", "moved"]

_NAMED = 5
_ORDER: tuple[Verdict, ...] = ("crossed", "fine", "not_judged")


def judge_drift(
    asked: Asked,
    groups: Groups,
    trained: Population,
    limits: ModelLimits,
    unjudged: Collection[str] = (),
) -> tuple[list[Feature], list[Check]]:
    """Compare every feature with the training, over the training's own bins.

    Parameters
    ----------
    asked, groups
        The questions that are looked at.
    trained
        The fingerprint.
    limits
        The model's.
    unjudged
        Features that move by themselves; they are shown and not judged.

    Returns
    -------
    features : list of Feature
        The most moved first; those that are not judged stand last.
    checks : list of Check
        Whether more of them moved than may.

    Notes
    -----
    A feature is beyond its limit when its index, less what so few customers explain, is above the
    limit, and chance does not explain it with so many features looked at. Customers are counted and
    not lines: lines of one customer are alike.
    """
    customers = float(len(np.unique(groups.customer)))
    own = limits.drift
    few = len(asked) < limits.fewest.lines or customers < FEWEST_CUSTOMERS
    columns = {name: i for i, name in enumerate(asked.names)}
    told = [name for name in trained.features if name in columns]
    found = []
    for name in told:
        now = trained.features[name].bins.count(asked.X[:, columns[name]])
        before = trained.features[name].counts
        found.append((now, stability(before, now, float(trained.customers), customers)))
    judged = [i for i, name in enumerate(told) if name not in unjudged]
    p = np.ones(len(told))
    p[judged] = holm([found[i][1].p for i in judged])
    features = []
    for i, name in enumerate(told):
        kept, (now, index) = trained.features[name], found[i]
        limit = None if own.psi is None else max(own.psi, own.usual_times * kept.usual)
        verdict: Verdict = "not_judged"
        if limit is not None and not few and name not in unjudged:
            beyond = index.excess > limit and p[i] < limits.false_alarms
            verdict = "crossed" if beyond else "fine"
        shares = [kept.counts / max(kept.counts.sum(), 1), now / max(now.sum(), 1)]
        labels = kept.bins.labels
        features.append(
            Feature(
                name=name,
                psi=index.psi,
                expected=index.expected,
                usual=kept.usual,
                limit=limit,
                p=float(p[i]),
                verdict=verdict,
                moved=moved(labels, shares[0].tolist(), shares[1].tolist()),
                bins=list(labels),
                before=[round(float(share), 6) for share in shares[0]],
                now=[round(float(share), 6) for share in shares[1]],
            )
        )
    features.sort(key=lambda each: (_ORDER.index(each.verdict), each.expected - each.psi))
    return features, [_check(features, limits, few=few, rows=(len(asked), int(customers)))]


def moved(bins: tuple[str, ...], before: list[float], now: list[float]) -> str:
    """The bin whose share changed most, in words."""
    change = [b - a for a, b in zip(before, now, strict=True)]
    i = max(range(len(change)), key=lambda place: abs(change[place]))
    if abs(change[i]) < 0.001:
        return "nothing"
    return f"{bins[i]}: {before[i]:.1%} then, {now[i]:.1%} now"


def _check(
    features: list[Feature], limits: ModelLimits, *, few: bool, rows: tuple[int, int]
) -> Check:
    beyond = [each.name for each in features if each.verdict == "crossed"]
    why = ""
    if few:
        why = (
            f"{rows[0]:,} questions of {rows[1]:,} customers, fewer than"
            f" {limits.fewest.lines:,} of {FEWEST_CUSTOMERS}"
        )
    elif limits.drift.psi is None:
        why = "drift.psi is null"
    elif beyond:
        more = f" and {len(beyond) - _NAMED} more" if len(beyond) > _NAMED else ""
        why = ", ".join(beyond[:_NAMED]) + more
    silent = few or limits.drift.psi is None
    judged = sum(each.verdict != "not_judged" for each in features)
    crossed = len(beyond) > limits.drift.features
    return Check(
        kind="drift",
        what=f"features beyond their limit, of {judged} judged",
        limit_name="drift.features",
        where=where(ALL),
        value=None if silent else float(len(beyond)),
        limit=None if silent else float(limits.drift.features),
        verdict="not_judged" if silent else "crossed" if crossed else "fine",
        why=why,
    )
