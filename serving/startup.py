"""What happens before requests: fetch the champions, load them, open the state.

A model that is missing or cannot be used costs its own endpoint and no other.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.event_log import EventLog, EventLogError
from features.settings import Settings
from features.stores import open_event_log
from serving.advisor import ModelLabel, SizeAdvisor
from serving.app import MuslinApp
from serving.champions.answers import Answers, Host
from serving.champions.keeper import Keeper, Kind
from serving.champions.shadow import Sender
from serving.dependency import Dependency
from serving.events.endpoint import EventsEndpoint
from serving.events.schemas import EVENTS
from serving.events.writer import EventWriter
from serving.live_state import LiveState
from serving.parts import Readiness
from serving.risk_advisor import RiskAdvisor

if TYPE_CHECKING:
    from serving.abuse_advisor import AbuseScorer

__all__ = ["keeper_of", "start"]

logger = logging.getLogger("muslin.serving")


def start(app: MuslinApp) -> Keeper:
    """Give the application its models, or the reason why there is none.

    Parameters
    ----------
    app
        Answers from then on; ``/readyz`` tells the outcome. Nothing is raised: a service that is
        up and says what is missing is easier to mend than one that does not start.

    Returns
    -------
    Keeper
        Takes over champions that come later, once it is told to watch.
    """
    live = _take_events(app)
    sender = Sender.of_environment(app.settings.shadow_rate)
    if sender is None:
        keeper = keeper_of(app, Answers(app, live=live))
    else:
        keeper = keeper_of(app, Answers(app, live=live, wrap=sender.wrap), beside=sender.follow)
    app.use_champions(keeper.told)
    keeper.look()
    return keeper


def keeper_of(app: Host, answers: Answers, **options: Any) -> Keeper:
    """Keep the models of an application."""
    exams = answers.exams()
    kinds = {
        "size_fit": Kind(_size_fit, exams["size_fit"]),
        "return_risk": Kind(_return_risk, exams["return_risk"], needs_sizes=True),
        "abuse": Kind(_abuse, exams["abuse"]),
    }
    return Keeper(app.settings, kinds, answers.publish, **options)


# Models are imported when there is one: that costs seconds.


def _size_fit(folder: Path, label: ModelLabel, settings: Settings, _: None) -> SizeAdvisor:
    from serving.size_advice import load_advisor  # noqa: PLC0415

    return load_advisor(folder, label, settings)


def _return_risk(
    folder: Path, label: ModelLabel, settings: Settings, sizes: SizeAdvisor | None
) -> RiskAdvisor:
    from serving.return_risk import load_risk_advisor  # noqa: PLC0415

    advisor: RiskAdvisor = load_risk_advisor(folder, label, settings, sizes)
    return advisor


def _abuse(folder: Path, label: ModelLabel, settings: Settings, _: None) -> AbuseScorer:
    from serving.abuse_score import load_abuse_scorer  # noqa: PLC0415

    return load_abuse_scorer(folder, label, settings)


def _take_events(app: MuslinApp) -> LiveState:
    """Take live events; where their log cannot be opened now, it is tried again with each."""
    settings = app.settings
    live = LiveState(settings)
    app.use_live(live)

    def opened() -> EventLog:
        log = open_event_log(settings.events_url)
        app.use(EVENTS.path, endpoint, Readiness(ready=True, counts=False))
        return log

    log = Dependency("events")
    app.depend_on(log)
    endpoint = EventsEndpoint(
        EventWriter(opened, log), max_items=settings.max_items, tally=app.observer.counts.events
    )
    try:
        opened().close()
    except EventLogError as error:
        log.failed(str(error))
        told = Readiness(ready=False, reason=str(error), counts=False)
        app.use(EVENTS.path, endpoint, told)
    return live
