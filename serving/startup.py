"""What happens once before requests: fetch the champions, load them, open the state.

A model that is missing or cannot be used costs its own endpoint and no other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from data_contracts.policies import Policies, PolicyError, policy_files
from features.settings import Settings
from features.state import StateError
from serving import champion
from serving.advisor import ModelLabel, SizeAdvisor
from serving.app import MuslinApp
from serving.endpoints import SizeAdviceEndpoint
from serving.parts import Endpoint, Loaded, Readiness
from serving.risk_advisor import RiskAdvisor
from serving.risk_endpoint import ReturnRiskEndpoint
from serving.risk_schemas import RETURN_RISK
from serving.schemas import SIZE_ADVICE

__all__ = ["MODELS", "fetch_champions", "start"]

logger = logging.getLogger("muslin.serving")

MODELS: Final = ("size_fit", "return_risk")
"""Registered models the service loads."""
_CHECK_POLICIES = "muslin policy check FILE"

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
    _use(app, SIZE_ADVICE.path, sizes, lambda advisor: _size_advice(app, advisor))
    try:
        policies = Policies.load(policy_files(settings.policy_dir))
    except PolicyError as error:
        logger.warning("the policies cannot be used: %s", error)
        app.not_ready(RETURN_RISK.path, f"the policies cannot be used: {error}", _CHECK_POLICIES)
        return
    risks = _load(
        settings,
        "return_risk",
        lambda folder, label, given: _return_risk(folder, label, given, sizes.advisor),
    )
    _use(app, RETURN_RISK.path, risks, lambda advisor: _basket_risk(app, advisor, policies))


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


def _size_advice(app: MuslinApp, advisor: SizeAdvisor) -> Endpoint:
    return SizeAdviceEndpoint(advisor, app.languages, max_items=app.settings.max_items)


def _basket_risk(app: MuslinApp, advisor: RiskAdvisor, policies: Policies) -> Endpoint:
    return ReturnRiskEndpoint(advisor, app.languages, policies, max_items=app.settings.max_items)


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
        reason, action = str(error), "muslin materialize --data DIR"
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
