"""Give the application the endpoints of the models that answer now, all at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from data_contracts.policies import Policies, PolicyError, policy_files
from features.audit import AuditError, SqliteAudit, expire_old
from features.settings import Settings
from features.state import StateError
from serving.advisor import SizeAdvisor
from serving.champions.golden import Exam
from serving.champions.told import MATERIALIZE
from serving.degraded import open_steady
from serving.dependency import Dependency
from serving.endpoints import SizeAdviceEndpoint
from serving.languages import Languages
from serving.live_state import LiveState
from serving.observe.counts import Counts, Tally, no_tally
from serving.observe.observer import Observer
from serving.parts import Endpoint, Loaded, Readiness
from serving.return_review.build import build
from serving.return_review.outcome_schemas import REVIEW_OUTCOME
from serving.return_review.record import SteadyRecord
from serving.return_review.schemas import RETURN_REVIEW
from serving.risk_advisor import RiskAdvisor
from serving.risk_endpoint import ReturnRiskEndpoint
from serving.risk_schemas import RETURN_RISK, ReturnRiskResponse
from serving.schemas import SIZE_ADVICE, SizeAdviceResponse

__all__ = ["Answers", "Host", "Part"]

logger = logging.getLogger("muslin.serving")

T = TypeVar("T")
Part = tuple[Endpoint | None, Readiness]


class Host(Protocol):
    """What gets the endpoints: an application, or what stands for one."""

    @property
    def settings(self) -> Settings: ...

    @property
    def languages(self) -> Languages: ...

    @property
    def observer(self) -> Observer: ...

    @property
    def counts(self) -> Counts: ...

    def exchange(self, parts: Mapping[str, Part]) -> None:
        """Let these endpoints answer, all from the same moment on."""
        ...

    def depend_on(self, dependency: Dependency) -> None:
        """Tell when this cannot be used."""
        ...


Wrap = Callable[[str, Endpoint], Endpoint]
"""Puts something around the endpoint of a path."""

_NEED_POLICIES: Final = (RETURN_RISK.path, RETURN_REVIEW.path, REVIEW_OUTCOME.path)


class Answers:
    """The endpoints of an application; made anew whenever a model has changed.

    A request keeps the endpoint it began with, so none sees two models.

    Parameters
    ----------
    app
        Gets the endpoints.
    reviews
        Whether it answers returns desks, too: that leaves a record.
    wrap
        Put around each endpoint of a model.
    live
        Told which state is read.
    """

    def __init__(
        self,
        app: Host,
        *,
        reviews: bool = True,
        wrap: Wrap | None = None,
        live: LiveState | None = None,
    ) -> None:
        self._app = app
        self._live = live
        self._wrap: Wrap = wrap or (lambda _, endpoint: endpoint)
        settings = app.settings
        self._policies: Policies | None = None
        self._unusable: str | None = None
        try:
            self._policies = Policies.load(policy_files(settings.policy_dir))
        except PolicyError as error:
            logger.warning("the policies cannot be used: %s", error)
            self._unusable = f"the policies cannot be used: {error}"
        self._desk = _Desk(app) if reviews and self._policies is not None else None

    def exams(self) -> dict[str, Exam]:
        """How each model is tested before it answers."""
        return {
            "size_fit": Exam(self._size_advice, SizeAdviceResponse),
            "return_risk": Exam(
                None if self._policies is None else self._basket_risk, ReturnRiskResponse
            ),
            "abuse": Exam(),  # a review would be put on record
        }

    def publish(self, models: Mapping[str, Loaded[Any]], places: Mapping[str, str]) -> None:
        """Let these models answer.

        Parameters
        ----------
        models
            By name.
        places
            Of the state each is served from.

        Raises
        ------
        StateError
            The desk has not gone over to the state of this place, all others have: once more.
        """
        sizes, risks, abuse = (models[name] for name in ("size_fit", "return_risk", "abuse"))
        counts = self._app.counts
        parts = {
            SIZE_ADVICE.path: _part(
                sizes, lambda of: self._size_advice(of, risks.advisor, counts.size_advice)
            ),
        }
        if self._policies is None:
            told = Readiness(ready=False, reason=self._unusable, action="muslin policy check FILE")
            parts |= dict.fromkeys(_NEED_POLICIES, (None, told))
        else:
            parts[RETURN_RISK.path] = _part(
                risks, lambda of: self._basket_risk(of, counts.return_risk)
            )
        wrapped = {
            path: (None if endpoint is None else self._wrap(path, endpoint), told)
            for path, (endpoint, told) in parts.items()
        }
        place = next(
            (places[name] for name in ("abuse", "size_fit", "return_risk") if name in places),
            self._app.settings.state_url,
        )
        if self._live is not None:
            self._live.place = place
        if self._desk is None or self._policies is None:
            self._app.exchange(wrapped)
            return
        try:
            desk = self._desk.parts(self._policies, place, sizes, risks, abuse)
        except StateError as error:
            self._app.exchange(wrapped | self._desk.without(error))
            raise
        self._app.exchange(wrapped | desk)

    # Golden requests are asked of the same endpoints, and not counted.

    def _size_advice(
        self, advisor: SizeAdvisor, risks: RiskAdvisor | None = None, tally: Tally = no_tally
    ) -> Endpoint:
        app = self._app
        return SizeAdviceEndpoint(
            advisor, app.languages, max_items=app.settings.max_items, risks=risks, tally=tally
        )

    def _basket_risk(self, advisor: RiskAdvisor, tally: Tally = no_tally) -> Endpoint:
        app = self._app
        assert self._policies is not None
        return ReturnRiskEndpoint(
            advisor, app.languages, self._policies, max_items=app.settings.max_items, tally=tally
        )


class _Desk:
    """Answers claims by right and rule, with whatever models there are, into one record."""

    def __init__(self, app: Host) -> None:
        self._app = app
        self._record = Dependency("audit")
        app.depend_on(self._record)
        self._audit = SteadyRecord(app.settings.audit_url, self._opened)
        self._asked = False
        self._broken: str | None = None
        self._told = Readiness(ready=False)
        self._made: dict[str, Endpoint] = {}

    def parts(
        self,
        policies: Policies,
        place: str,
        sizes: Loaded[SizeAdvisor],
        risks: Loaded[RiskAdvisor],
        abuse: Loaded[Any],
    ) -> dict[str, Part]:
        """Both endpoints for these models, upon the state of this place.

        Raises
        ------
        StateError
            It cannot be opened.
        """
        state = open_steady(place)
        self._told = _without(abuse, sizes, risks)
        review, outcome = build(
            state,
            policies,
            self._audit,
            self._app.languages,
            self._app.settings,
            sizes=sizes.advisor,
            risks=risks.advisor,
            abuse=abuse.advisor,
            record=self._record,
            tally=self._app.counts.return_review,
        )
        self._made = {RETURN_REVIEW.path: review, REVIEW_OUTCOME.path: outcome}
        if not self._asked:
            self._asked = True
            try:
                self._audit.open()
            except AuditError as error:  # it is tried again with each review
                self._record.failed(str(error))
                self._broken = str(error)
        return self._parts()

    def without(self, error: StateError) -> dict[str, Part]:
        """What there is while a state cannot be opened; those there are go on from their own."""
        if self._made:
            return {}
        told = Readiness(ready=False, reason=str(error), action=MATERIALIZE)
        return dict.fromkeys((RETURN_REVIEW.path, REVIEW_OUTCOME.path), (None, told))

    def _parts(self) -> dict[str, Part]:
        told = {RETURN_REVIEW.path: self._told, REVIEW_OUTCOME.path: Readiness(ready=True)}
        if self._broken is not None:
            told = dict.fromkeys(told, Readiness(ready=False, reason=self._broken))
        return {path: (endpoint, told[path]) for path, endpoint in self._made.items()}

    def _opened(self, audit: SqliteAudit) -> None:
        """Called when the record was opened, at the start or with the first review that could."""
        days = self._app.settings.audit_retention_days
        expired = expire_old(audit, days, time.time())
        if expired.reviews:
            text = "%s reviews older than %s days are removed from the record"
            logger.info(text, f"{expired.reviews:,}", days)
        if self._broken is not None:
            self._broken = None
            self._app.exchange(self._parts())


def _part(model: Loaded[T], make: Callable[[T], Endpoint]) -> Part:
    return None if model.advisor is None else make(model.advisor), model.readiness


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
