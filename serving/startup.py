"""What happens once before requests: fetch the champions, load them, open the state.

A model that is missing or cannot be used costs its own endpoint and no other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from data_contracts.policies import Policies, PolicyError, policy_files
from features.audit import AuditError, SqliteAudit, expire_old
from features.event_log import EventLog, EventLogError
from features.settings import Settings
from features.state import StateError
from features.stores import open_event_log, open_state
from serving import champion
from serving.advisor import ModelLabel, SizeAdvisor
from serving.app import MuslinApp
from serving.endpoints import SizeAdviceEndpoint
from serving.events.endpoint import EventsEndpoint
from serving.events.schemas import EVENTS
from serving.events.writer import EventWriter
from serving.live_state import LiveState
from serving.parts import Endpoint, Loaded, Readiness
from serving.return_review.build import build
from serving.return_review.outcome_schemas import REVIEW_OUTCOME
from serving.return_review.schemas import RETURN_REVIEW
from serving.risk_advisor import RiskAdvisor
from serving.risk_endpoint import ReturnRiskEndpoint
from serving.risk_schemas import RETURN_RISK
from serving.schemas import SIZE_ADVICE

if TYPE_CHECKING:
    from serving.abuse_advisor import AbuseScorer

__all__ = ["MODELS", "fetch_champions", "start"]

logger = logging.getLogger("muslin.serving")

MODELS: Final = ("size_fit", "return_risk", "abuse")
"""Registered models the service loads."""
_MATERIALIZE = "muslin materialize --data DIR"
_NEED_POLICIES = (RETURN_RISK.path, RETURN_REVIEW.path, REVIEW_OUTCOME.path)

T = TypeVar("T")


def fetch_champions(settings: Settings) -> None:
    """Ask the registry for the champions; once a start, before the workers."""
    champion.fetch(settings, *MODELS)


def start(app: MuslinApp) -> None:
    """Give the application its models, or the reason why there is none.

    Parameters
    ----------
    app
        Answers from then on; ``/readyz`` tells the outcome. Nothing is raised: a service that is
        up and says what is missing is easier to mend than one that does not start.
    """
    settings = app.settings
    logger.setLevel(settings.log_level)
    sizes = _load(settings, "size_fit", _size_fit)
    risks = _load(
        settings,
        "return_risk",
        lambda folder, label, given: _return_risk(folder, label, given, sizes.advisor),
    )
    abuse = _load(settings, "abuse", _abuse)
    _take_events(app)
    _use(app, SIZE_ADVICE.path, sizes, lambda advisor: _size_advice(app, advisor, risks.advisor))
    try:
        policies = Policies.load(policy_files(settings.policy_dir))
    except PolicyError as error:
        logger.warning("the policies cannot be used: %s", error)
        for path in _NEED_POLICIES:
            app.not_ready(path, f"the policies cannot be used: {error}", "muslin policy check FILE")
        return
    _use(app, RETURN_RISK.path, risks, lambda advisor: _basket_risk(app, advisor, policies))
    _use_review(app, policies, sizes, risks, abuse)


# Models are imported when there is one: that costs seconds.


def _size_fit(folder: Path, label: ModelLabel, settings: Settings) -> SizeAdvisor:
    from serving.size_advice import load_advisor  # noqa: PLC0415

    return load_advisor(folder, label, settings)


def _return_risk(
    folder: Path, label: ModelLabel, settings: Settings, sizes: SizeAdvisor | None
) -> RiskAdvisor:
    from serving.return_risk import load_risk_advisor  # noqa: PLC0415

    advisor: RiskAdvisor = load_risk_advisor(folder, label, settings, sizes)
    return advisor


def _abuse(folder: Path, label: ModelLabel, settings: Settings) -> AbuseScorer:
    from serving.abuse_score import load_abuse_scorer  # noqa: PLC0415

    return load_abuse_scorer(folder, label, settings)


def _size_advice(app: MuslinApp, advisor: SizeAdvisor, risks: RiskAdvisor | None) -> Endpoint:
    return SizeAdviceEndpoint(advisor, app.languages, max_items=app.settings.max_items, risks=risks)


def _basket_risk(app: MuslinApp, advisor: RiskAdvisor, policies: Policies) -> Endpoint:
    return ReturnRiskEndpoint(advisor, app.languages, policies, max_items=app.settings.max_items)


def _take_events(app: MuslinApp) -> None:
    """Take live events; where their log cannot be opened now, it is tried again with each."""
    settings = app.settings
    app.use_live(LiveState(settings))

    def opened() -> EventLog:
        log = open_event_log(settings.events_url)
        app.use(EVENTS.path, endpoint, Readiness(ready=True, counts=False))
        return log

    endpoint = EventsEndpoint(EventWriter(opened), max_items=settings.max_items)
    try:
        opened().close()
    except EventLogError as error:
        logger.warning("events cannot be taken: %s", error)
        told = Readiness(ready=False, reason=str(error), counts=False)
        app.use(EVENTS.path, endpoint, told)


def _use_review(
    app: MuslinApp,
    policies: Policies,
    sizes: Loaded[SizeAdvisor],
    risks: Loaded[RiskAdvisor],
    abuse: Loaded[AbuseScorer],
) -> None:
    """Answer claims by right and rule, with whatever models there are."""
    settings = app.settings
    try:
        state = open_state(settings.state_url, readonly=True)
    except StateError as error:
        for path in (RETURN_REVIEW.path, REVIEW_OUTCOME.path):
            app.not_ready(path, str(error), _MATERIALIZE)
        return
    try:
        audit = SqliteAudit(settings.audit_url)
        expired = expire_old(audit, settings.audit_retention_days, time.time())
    except AuditError as error:
        logger.warning("return review is not ready: %s", error)
        state.close()
        for path in (RETURN_REVIEW.path, REVIEW_OUTCOME.path):
            app.not_ready(path, str(error), None)
        return
    if expired.reviews:
        logger.info(
            "%s reviews older than %s days are removed from the record",
            f"{expired.reviews:,}",
            settings.audit_retention_days,
        )
    review, outcome = build(
        state,
        policies,
        audit,
        app.languages,
        settings,
        sizes=sizes.advisor,
        risks=risks.advisor,
        abuse=abuse.advisor,
    )
    app.use(RETURN_REVIEW.path, review, _without(abuse, sizes, risks))
    app.use(REVIEW_OUTCOME.path, outcome, Readiness(ready=True))


def _without(abuse: Loaded[Any], *others: Loaded[Any]) -> Readiness:
    """Tell of a review which models it must do without."""
    missing = [each.readiness for each in (abuse, *others) if each.advisor is None]
    told = abuse.readiness
    reasons = [told.reason, *(each.reason for each in missing)]
    return Readiness(
        ready=True,
        model=told.model,
        source=told.source,
        reason="; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None,
        action=missing[0].action if missing else None,
    )


def _load(
    settings: Settings, name: str, load: Callable[[Path, ModelLabel, Settings], T]
) -> Loaded[T]:
    """Find the champion's copy and load it; what goes wrong is told, not raised."""
    source: str | None = None
    try:
        folder, found = champion.load(settings, name)
        source = found.source
        advisor = load(folder, found.label, settings)
    except champion.ChampionError as error:
        reason, action = error.reason, error.action
    except StateError as error:
        reason, action = str(error), _MATERIALIZE
    except Exception as error:
        logger.exception("%s: the champion cannot be used", name)
        command = name.replace("_", "-")
        reason = f"the champion of {name} cannot be used: {error}"
        action = f"muslin train {command} --data DIR && muslin promote {command}"
    else:
        logger.info("%s version %s answers (%s)", name, found.version, found.source)
        told = Readiness(ready=True, model=found.label, source=source, reason=found.reason)
        return Loaded(advisor, told)
    logger.warning("%s is not ready: %s; run: %s", name, reason, action)
    return Loaded(None, Readiness(ready=False, source=source, reason=reason, action=action))


def _use(app: MuslinApp, path: str, model: Loaded[T], make: Callable[[T], Endpoint]) -> None:
    """Answer `path` with `model`, or say why not."""
    told = model.readiness
    if model.advisor is None:
        app.not_ready(path, told.reason or "", told.action, source=told.source)
    else:
        app.use(path, make(model.advisor), told)
