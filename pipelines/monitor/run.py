"""The job of `muslin monitor`: each champion on what it was asked since it was trained."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from data_contracts.errors import BadInputError
from features.settings import Settings
from pipelines.folds import known_until
from pipelines.jobs import MODELS, job_of
from pipelines.jobs.base import Job, Tables
from pipelines.monitor.advice import advised
from pipelines.monitor.claims import bounds, interval, judge_claims, judge_routes, thresholds
from pipelines.monitor.drift import judge_drift
from pipelines.monitor.figures import Estimate, Figures
from pipelines.monitor.groups import groups_of
from pipelines.monitor.judge import judge_advice, judge_figures, verdict_of, where
from pipelines.monitor.limits import Limits, ModelLimits
from pipelines.monitor.observe import advice_by_group, drawn, judged_groups, statuses
from pipelines.monitor.population import GroupAdvice, Population
from pipelines.monitor.report import (
    AdviceGroup,
    Check,
    Claims,
    Feature,
    Figure,
    Interval,
    ModelReport,
    Report,
    Routes,
)
from pipelines.monitor.subjects import SUBJECTS, Opened, Subject
from pipelines.monitor.window import immature, moment, part_of, window
from pipelines.policy import load_policies
from pipelines.tracking import Registry, RegistryError, Version

__all__ = ["MOST_ADVISED", "MOST_JUDGED", "monitor", "watch"]

MOST_JUDGED, MOST_ADVISED = 200_000, 10_000
"""Lines that are predicted and advised on, by lot, where there are more."""
_ORDER = {"crossed": 0, "fine": 1, "not_judged": 2}


@dataclass
class _Seen:
    """What has been found of one model so far."""

    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    features: list[Feature] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    advice: list[AdviceGroup] = field(default_factory=list)
    statuses: dict[str, float] = field(default_factory=dict)
    claims: Claims | None = None
    routes: Routes | None = None


def monitor(
    tables: Tables,
    registry: Registry,
    settings: Settings,
    *,
    source: str,
    names: Sequence[str] = MODELS,
    since: pd.Timestamp | None = None,
    limits: Limits | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Report:
    """Watch the champions.

    Parameters
    ----------
    tables
        Validated contract tables, up to now: the past that histories are made of, and what is new.
    registry
        Where the champions are.
    settings
        Where policies and the record of reviews are.
    source
        Where the tables came from, for the record.
    names
        Models to watch.
    since
        First moment to look at; the end of each model's training when None.
    limits
        The starting values when None.
    step
        Called with the name of each step as it begins.

    Raises
    ------
    BadInputError
        None of the models has a champion, or one cannot be read.
    """
    limits = limits or Limits()
    champions = {name: registry.champion(name) for name in names}
    without = [name for name, version in champions.items() if version is None]
    if len(without) == len(champions):
        commands = "; ".join(
            f"muslin train {c} --data DIR && muslin promote {c}"
            for c in (job_of(name).command for name in names)
        )
        raise RegistryError(f"no model to watch has a champion at {registry.uri}; run: {commands}")
    reports = []
    for name, version in champions.items():
        if version is None:
            continue
        step(f"watching {name} version {version.number}")
        job = job_of(name)
        known, note = job.enrich(tables, settings)
        with tempfile.TemporaryDirectory() as temporary:
            folder = registry.download(name, version.number, Path(temporary))
            found = watch(job, version, folder, known, settings, since, limits.of(name))
        reports.append(found.model_copy(update={"notes": [note, *found.notes]}) if note else found)
    crossed = any(each.verdict == "crossed" for each in reports)
    return Report(
        made_at=pd.Timestamp.now("UTC").floor("s").to_pydatetime(),
        source=source,
        known_until=known_until(tables).to_pydatetime(),
        verdict="crossed" if crossed else "fine",
        without_champion=without,
        models=reports,
    )


def watch(
    job: Job,
    version: Version,
    folder: Path,
    tables: Tables,
    settings: Settings,
    since: pd.Timestamp | None,
    limits: ModelLimits,
) -> ModelReport:
    """Watch one model; see :func:`monitor`."""
    subject = SUBJECTS[job.name]
    trained, opened = _read(job, subject, folder)
    asked = subject.ask(opened, tables)
    seen = _Seen()
    rows, start = window(subject, asked, trained, since, seen.notes)
    new = part_of(asked, rows)
    groups = groups_of(tables, new.lines)
    if trained is None:
        seen.notes.append(
            f"version {version.number} was trained without a fingerprint: drift, and what changed"
            f" since the training, cannot be told; run: muslin train {job.command} --data DIR"
        )
    elif len(new):
        seen.features, drift = judge_drift(new, groups, trained, limits, subject.unjudged)
        seen.checks += drift
    matured = np.flatnonzero(new.y >= 0)
    if len(new) and not len(matured):
        seen.notes.append(immature(job, tables, new))
    judged = drawn(matured, MOST_JUDGED)
    chance = subject.predict(opened, new.X[judged])
    by_group = judged_groups(job, groups.take(judged), new.y[judged], chance)
    is_abuse = job.name == "abuse"
    checks = judge_figures(by_group, trained, limits, selected=is_abuse)
    seen.checks += checks
    seen.figures = [
        _figure(target, key, each, trained, checks)
        for target, of in by_group.items()
        for key, each in of.items()
    ]
    if job.name == "size_fit" and len(new):
        some = drawn(np.arange(len(new)), MOST_ADVISED)
        given = advised(opened, new, some)
        shares = advice_by_group(given, groups.take(some))
        checks = judge_advice(shares, trained, limits)
        seen.checks += checks
        seen.advice = [_advice(key, each, trained, checks) for key, each in shares.items()]
        seen.statuses = statuses(given)
    if is_abuse:
        market = tables["order_lines"].set_index("order_line_id")["market"].reindex(new.lines)
        flagged = thresholds(load_policies(settings), market.tolist())
        score = subject.predict(opened, new.X)[:, 1]
        seen.claims, checks = judge_claims(asked, rows, score, flagged, trained, limits)
        seen.checks += checks
        seen.routes, checks = judge_routes(settings, trained, start, limits)
        seen.checks += checks
    moments = [moment(int(at)) for at in (new.at.min(), new.at.max())] if len(new) else [None] * 2
    return ModelReport(
        name=job.name,
        version=version.number,
        trained_until=None if trained is None else moment(trained.last),
        since=moments[0],
        until=moments[1],
        asked=len(new),
        matured=len(matured),
        has_fingerprint=trained is not None,
        verdict=verdict_of(seen.checks),
        trained_statuses={} if trained is None else dict(trained.statuses),
        **{**vars(seen), "checks": sorted(seen.checks, key=lambda each: _ORDER[each.verdict])},
    )


def _read(job: Job, subject: Subject, folder: Path) -> tuple[Population | None, Opened]:
    try:
        return Population.load(folder), subject.open(folder)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"the champion of {job.name} cannot be read by this version ({error}); run:"
            f" muslin train {job.command} --data DIR && muslin promote {job.command}"
        ) from error


def _figure(
    target: str,
    key: tuple[str, str],
    each: Figures,
    trained: Population | None,
    checks: Sequence[Check],
) -> Figure:
    before = None if trained is None else trained.figures.get(target, {}).get(key)
    own = [c for c in checks if c.target == target and c.where == where(key)]
    verdict = verdict_of(own)
    return Figure(
        target=target,
        where=where(key),
        lines=each.lines,
        events=each.events,
        customers=each.customers,
        observed=each.observed,
        predicted=each.predicted,
        gap=_interval(each.gap),
        slope=None if each.slope is None else _interval(each.slope),
        ece=each.ece.value,
        ece_expected=each.ece_expected,
        auc=interval(each.auc),
        trained_lines=None if before is None else before.lines,
        trained_gap=None if before is None else before.gap.value,
        trained_auc=None if before is None or before.auc is None else before.auc.value,
        judged=verdict != "not_judged",
        verdict=verdict,
    )


def _advice(
    key: tuple[str, str], each: GroupAdvice, trained: Population | None, checks: Sequence[Check]
) -> AdviceGroup:
    before = None if trained is None else trained.advice.get(key)
    return AdviceGroup(
        where=where(key),
        lines=each.lines,
        advised=bounds(each.advised),
        trained_advised=None if before is None else before.advised.value,
        fitted=each.fitted,
        covered=interval(each.covered),
        verdict=verdict_of([c for c in checks if c.where == where(key)]),
    )


def _interval(each: Estimate) -> Interval:
    low, high = each.interval()
    return Interval(value=each.value, low=low, high=high)
