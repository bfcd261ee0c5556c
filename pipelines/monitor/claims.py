"""What return reviews do to customers: flagged claims, honest heavy returners, shares of routes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_contracts.policies import Policies, Situation
from features.audit import SqliteAudit
from features.settings import Settings
from pipelines.audit_cli import audit_told
from pipelines.monitor.figures import Estimate, share_of
from pipelines.monitor.groups import ALL
from pipelines.monitor.honesty import flagged_at, honest_heavy
from pipelines.monitor.judge import Look, settle, where
from pipelines.monitor.limits import ModelLimits
from pipelines.monitor.population import Population
from pipelines.monitor.report import Check, Claims, Interval, Routes
from pipelines.monitor.subjects import Asked

__all__ = ["bounds", "interval", "judge_claims", "judge_routes", "thresholds"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_FLAGGED = "high"


def thresholds(policies: Policies, markets: Sequence[object]) -> Floats:
    """Score at which the band high begins, by the policy of each claim's market."""
    known = {
        market: policies.terms(Situation(market=market)).abuse_bands[_FLAGGED]
        for market in {each if isinstance(each, str) else None for each in markets}
    }
    return np.array([known[m if isinstance(m, str) else None] for m in markets])


def judge_claims(
    asked: Asked,
    now: Bools,
    score: Floats,
    limit_of: Floats,
    trained: Population | None,
    limits: ModelLimits,
) -> tuple[Claims, list[Check]]:
    """Judge whom the abuse score flags.

    Parameters
    ----------
    asked
        All claims on record.
    now
        Those that are looked at.
    score
        Of each of these.
    limit_of
        Score from which on each of these is flagged.
    trained
        The fingerprint.
    limits
        The model's.
    """
    who = pd.factorize(asked.data.groups)[0].astype(np.int64)[now]
    honest = honest_heavy(asked.data.groups, asked.y)
    heavy, cleared = honest.heavy[now], honest.cleared[now]
    flagged = score >= limit_of
    usual = float(np.median(limit_of)) if len(limit_of) else 1.0
    before = {
        name: flagged_at(shares, usual)
        for name, shares in (trained.scores if trained else {}).items()
    }
    found = share_of(flagged, who) if len(flagged) else None
    theirs = share_of(flagged[heavy], who[heavy]) if honest.decided and heavy.any() else None
    clear = share_of(flagged[cleared], who[cleared]) if cleared.any() else None
    looks: list[Look] = []
    checks: list[Check] = []
    own, fewest = limits.abuse, limits.fewest.lines

    def look(what: str, name: str, away: Estimate, limit: float) -> None:
        check = Check(
            kind="abuse",
            what=what,
            limit_name=f"abuse.{name}",
            where=where(ALL),
            value=away.value,
            limit=limit,
            verdict="fine",
        )
        looks.append(Look(check, away))

    what = "claims of honest heavy returners flagged as abuse"
    if own.honest_flagged is not None:
        if theirs is not None and heavy.sum() >= fewest:
            look(what, "honest_flagged", theirs, own.honest_flagged)
        else:
            why = f"{int(heavy.sum()):,} such claims, fewer than {fewest:,}"
            why = why if honest.decided else "nobody has judged a claim yet"
            checks.append(_unjudged("abuse", what, "abuse.honest_flagged", why))
    if own.flagged_change is not None and found is not None and "all" in before:
        assert trained is not None
        if len(flagged) >= fewest:
            then = before["all"]
            se = float(np.sqrt(max(then * (1 - then), 1e-6) / max(trained.customers, 1)))
            away = Estimate(abs(found.value - then), float(np.hypot(found.se, se)))
            look("share of claims flagged moved", "flagged_change", away, own.flagged_change)
    told = Claims(
        claims=int(now.sum()),
        flagged=interval(found),
        trained_flagged=before.get("all"),
        honest_claims=int(heavy.sum()),
        honest_flagged=interval(theirs),
        trained_honest_flagged=before.get("honest_heavy"),
        cleared_claims=int(cleared.sum()),
        cleared_flagged=interval(clear),
        decided=honest.decided,
    )
    return told, [*settle(looks, limits), *checks]


def judge_routes(
    settings: Settings, trained: Population | None, since: pd.Timestamp | None, limits: ModelLimits
) -> tuple[Routes | None, list[Check]]:
    """Compare the routes that reviews were given with those before the model's training ended.

    Parameters
    ----------
    settings
        Where the record of reviews is.
    trained
        The fingerprint.
    since
        First moment that is looked at.
    limits
        The model's.
    """
    what = "share of each route of return reviews"
    if not Path(settings.audit_url).exists():
        why = f"there is no record of return reviews at {settings.audit_url}"
        return None, [_unjudged("routes", what, "abuse.route_change", why)]
    with audit_told(), SqliteAudit(settings.audit_url, readonly=True) as audit:
        given = audit.routes()
    until = pd.Timestamp(trained.last, unit="us", tz="UTC") if trained is not None else since
    new = given["reviewed_at"].ge(since) if since is not None else pd.Series(True, given.index)
    old = given["reviewed_at"].le(until) if until is not None else ~new
    old &= ~new
    now, then = given.loc[new, "route"], given.loc[old, "route"]
    names = sorted(set(now) | set(then))
    shares = {
        name: share_of(now.eq(name).to_numpy(dtype=bool), np.arange(len(now), dtype=np.int64))
        for name in names
        if len(now)
    }
    before = {name: float(then.eq(name).mean()) for name in names if len(then)}
    told = Routes(
        reviews=len(now),
        trained_reviews=len(then),
        shares={name: bounds(each) for name, each in shares.items()},
        trained_shares=before,
    )
    limit, fewest = limits.abuse.route_change, limits.fewest.lines
    if limit is None:
        return told, []
    if min(len(now), len(then)) < fewest:
        why = f"{len(now):,} reviews now and {len(then):,} before, fewer than {fewest:,}"
        return told, [_unjudged("routes", what, "abuse.route_change", why)]
    looks = []
    for name, each in shares.items():
        se = float(np.sqrt(before[name] * (1 - before[name]) / len(then)))
        away = Estimate(abs(each.value - before[name]), float(np.hypot(each.se, se)))
        check = Check(
            kind="routes",
            what=f"route {name}: {each.value:.1%}, {before[name]:.1%} before",
            limit_name="abuse.route_change",
            where=where(ALL),
            value=away.value,
            limit=limit,
            verdict="fine",
        )
        looks.append(Look(check, away))
    return told, settle(looks, limits)


def interval(each: Estimate | None) -> Interval | None:
    """What :func:`bounds` gives, where there is anything."""
    return None if each is None else bounds(each)


def bounds(each: Estimate) -> Interval:
    """A share with its interval of 95 %, within 0 and 1."""
    low, high = each.interval()
    return Interval(value=each.value, low=max(low, 0.0), high=min(high, 1.0))


def _unjudged(kind: str, what: str, name: str, why: str) -> Check:
    return Check.model_validate(
        {
            "kind": kind,
            "what": what,
            "limit_name": name,
            "where": where(ALL),
            "verdict": "not_judged",
            "why": why,
        }
    )
