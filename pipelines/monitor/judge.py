"""Figures against limits. A limit is crossed when chance does not explain it.

Many groups and features are looked at, and each has an error of its own. What crosses a limit does
so with its whole interval, made as wide as the number of looks asks for: of a model that is as it
was, no limit of a kind is crossed in all but `false_alarms` of the runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipelines.monitor.figures import Estimate, Figures
from pipelines.monitor.groups import ALL
from pipelines.monitor.limits import ModelLimits
from pipelines.monitor.population import GroupAdvice, Population
from pipelines.monitor.report import Check, Group, Verdict

__all__ = [
    "FEWEST_CUSTOMERS",
    "Look",
    "judge_advice",
    "judge_figures",
    "settle",
    "verdict_of",
    "where",
]

Key = tuple[str, str]
FEWEST_CUSTOMERS = 30
"""Of fewer customers no standard error is believed."""
_LEAST_SLOPE = 0.1


@dataclass(frozen=True)
class Look:
    """A figure that may cross a limit.

    Parameters
    ----------
    check
        What is known of it before it is judged.
    away
        How far the figure lies from where it ought to; above the limit it crosses it.
    """

    check: Check
    away: Estimate


def where(key: Key) -> Group:
    """A group as it is reported."""
    return Group(dimension=key[0], group=key[1])


def settle(looks: Sequence[Look], limits: ModelLimits) -> list[Check]:
    """Judge figures of one kind together."""
    z = float(stats.norm.isf(limits.false_alarms / max(len(looks), 1)))
    found = []
    for look in looks:
        limit = look.check.limit
        assert limit is not None
        crossed = look.away.value - z * look.away.se > limit
        found.append(look.check.model_copy(update={"verdict": "crossed" if crossed else "fine"}))
    return found


def verdict_of(checks: Sequence[Check]) -> Verdict:
    """The worst of several."""
    verdicts = {each.verdict for each in checks}
    if "crossed" in verdicts:
        return "crossed"
    return "fine" if "fine" in verdicts else "not_judged"


def judge_figures(
    found: Mapping[str, Mapping[Key, Figures]],
    trained: Population | None,
    limits: ModelLimits,
    *,
    selected: bool = False,
) -> list[Check]:
    """Hold calibration and discrimination against their limits.

    Parameters
    ----------
    found
        By target and group.
    trained
        The fingerprint, for the AUC.
    limits
        The model's.
    selected
        The known outcomes are not those of all: claims are decided on because they look bad. Then
        the model is only wrong where it expects more than there was.
    """
    checks: list[Check] = []
    gaps: list[Look] = []
    spreads: list[Look] = []
    drops: list[Look] = []
    for target, groups in found.items():
        for key, each in groups.items():
            few = _too_few(each, limits)
            if few:
                checks.append(_unjudged("calibration", "calibration and AUC", target, key, few))
                continue
            before = None if trained is None else trained.figures.get(target, {}).get(key)
            if not selected or key == ALL:
                gaps += _gap(target, key, each, limits, selected=selected)
            if key == ALL and not selected:
                spreads += _spread(target, each, before, limits)
            drops += _drop(target, key, each, before, limits)
    return [*settle(gaps, limits), *settle(spreads, limits), *settle(drops, limits), *checks]


def judge_advice(
    found: Mapping[Key, GroupAdvice], trained: Population | None, limits: ModelLimits
) -> list[Check]:
    """Hold the coverage of the size sets and the share of advised lines against their limits."""
    own = limits.advice
    looks: list[Look] = []
    checks: list[Check] = []
    for key, each in found.items():
        whole = key == ALL
        if each.lines < limits.fewest.lines:
            few = f"{each.lines:,} lines, fewer than {limits.fewest.lines:,}"
            checks.append(_unjudged("advice", "size advice", None, key, few))
            continue
        name = "coverage_short" if whole else "group_coverage_short"
        limit = getattr(own, name)
        promised = None if trained is None else trained.coverage
        held = each.covered
        if limit and held and promised is not None and each.fitted >= limits.fewest.lines:
            short = Estimate(promised - held.value, held.se)
            what = "size sets hold the fitting size less often than promised"
            looks.append(_look("advice", what, f"advice.{name}", None, key, short, limit))
        name = "advised_change" if whole else "group_advised_change"
        limit = getattr(own, name)
        before = None if trained is None else trained.advice.get(key)
        if limit and before is not None and before.lines >= limits.fewest.lines:
            change = _between(each.advised, before.advised)
            what = "share of lines with a recommendation moved"
            looks.append(_look("advice", what, f"advice.{name}", None, key, change, limit))
    return [*settle(looks, limits), *checks]


def _too_few(each: Figures, limits: ModelLimits) -> str:
    least = limits.fewest
    rarer = min(each.events, each.lines - each.events)
    if each.lines < least.lines:
        return f"{each.lines:,} lines, fewer than {least.lines:,}"
    if rarer < least.events:
        return f"{rarer:,} lines of the rarer outcome, fewer than {least.events:,}"
    if each.customers < FEWEST_CUSTOMERS:
        return f"{each.customers:,} customers, fewer than {FEWEST_CUSTOMERS}"
    return ""


def _gap(
    target: str, key: Key, each: Figures, limits: ModelLimits, *, selected: bool
) -> list[Look]:
    name = "gap" if key == ALL else "group_gap"
    limit = getattr(limits.calibration, name)
    if limit is None:
        return []
    value = each.gap.value if selected else abs(each.gap.value)
    more = "more" if each.gap.value > 0 else "less"
    what = f"predicted {each.predicted:.3f}, observed {each.observed:.3f}: {more} than there was"
    away = Estimate(value, each.gap.se)
    return [_look("calibration", what, f"calibration.{name}", target, key, away, limit)]


def _spread(target: str, each: Figures, before: Figures | None, limits: ModelLimits) -> list[Look]:
    """Slope and calibration error, over all lines."""
    own = limits.calibration
    looks = []

    def look(what: str, name: str, away: Estimate, limit: float) -> None:
        looks.append(_look("calibration", what, f"calibration.{name}", target, ALL, away, limit))

    if each.slope is not None:
        ratio, shown = each.slope, f"calibration slope {each.slope.value:.2f}"
        if before is not None and before.slope is not None and not _too_few(before, limits):
            ratio = _ratio(each.slope, before.slope)
            shown += f", {before.slope.value:.2f} in training"
        if own.least_slope is not None:
            # As a distance below 1, so that more is worse.
            away = Estimate(1 - ratio.value, ratio.se)
            look(f"{shown}: chances are too extreme", "least_slope", away, 1 - own.least_slope)
        if own.most_slope is not None:
            look(f"{shown}: chances are too timid", "most_slope", ratio, own.most_slope)
    if own.ece is not None:
        away = Estimate(each.ece.value - each.ece_expected, each.ece.se)
        what = f"calibration error {each.ece.value:.3f}, {each.ece_expected:.3f} by chance alone"
        look(what, "ece", away, own.ece)
    return looks


def _drop(
    target: str, key: Key, each: Figures, before: Figures | None, limits: ModelLimits
) -> list[Look]:
    name = "auc_drop" if key == ALL else "group_auc_drop"
    limit = getattr(limits.discrimination, name)
    if limit is None or each.auc is None or before is None or before.auc is None:
        return []
    if _too_few(before, limits):
        return []
    away = Estimate(before.auc.value - each.auc.value, float(np.hypot(before.auc.se, each.auc.se)))
    what = f"AUC {each.auc.value:.3f}, {before.auc.value:.3f} in training"
    return [_look("discrimination", what, f"discrimination.{name}", target, key, away, limit)]


def _ratio(one: Estimate, other: Estimate) -> Estimate:
    """One figure by another; by no less than a tenth."""
    by = max(other.value, _LEAST_SLOPE)
    value = one.value / by
    return Estimate(value, float(np.hypot(one.se / by, value * other.se / by)))


def _between(one: Estimate, other: Estimate) -> Estimate:
    """How far two figures lie apart."""
    return Estimate(abs(one.value - other.value), float(np.hypot(one.se, other.se)))


def _look(
    kind: str,
    what: str,
    limit_name: str,
    target: str | None,
    key: Key,
    away: Estimate,
    limit: float,
) -> Look:
    check = Check.model_validate(
        {
            "kind": kind,
            "what": what,
            "limit_name": limit_name,
            "target": target,
            "where": where(key),
            "value": away.value,
            "limit": limit,
            "verdict": "fine",
        }
    )
    return Look(check, away)


def _unjudged(kind: str, what: str, target: str | None, key: Key, why: str) -> Check:
    return Check.model_validate(
        {
            "kind": kind,
            "what": what,
            "limit_name": "fewest",
            "target": target,
            "where": where(key),
            "verdict": "not_judged",
            "why": why,
        }
    )
