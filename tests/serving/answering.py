"""Give an application its endpoints without a registry or a state."""

from data_contracts.policies import Policies
from serving.app import MuslinApp
from serving.endpoints import SizeAdviceEndpoint
from serving.events.endpoint import EventsEndpoint
from serving.events.schemas import EVENTS
from serving.events.writer import EventWriter
from serving.parts import Readiness
from serving.return_review.endpoint import ReturnReviewEndpoint
from serving.return_review.outcome import OutcomeEndpoint
from serving.return_review.outcome_schemas import REVIEW_OUTCOME
from serving.return_review.schemas import RETURN_REVIEW
from serving.risk_endpoint import ReturnRiskEndpoint


def use_sizes(app: MuslinApp, advisor, risks=None, **told) -> None:
    """Let `advisor` answer size advice; `told` is what `/readyz` says besides its model."""
    app.use(
        "/v1/size-advice",
        SizeAdviceEndpoint(advisor, app.languages, max_items=app.settings.max_items, risks=risks),
        Readiness(ready=True, model=advisor.label(), **told),
    )


def use_risks(app: MuslinApp, advisor, policies: Policies | None = None, **told) -> None:
    """Let `advisor` judge baskets, by the starting policies unless told otherwise."""
    app.use(
        "/v1/return-risk",
        ReturnRiskEndpoint(
            advisor,
            app.languages,
            policies or Policies.load(),
            max_items=app.settings.max_items,
        ),
        Readiness(ready=True, model=advisor.label(), **told),
    )


class NoOrders:
    """Knows no order line."""

    def read(self, ids):
        return {}


def use_review(app: MuslinApp, audit, orders=None, **models) -> None:
    """Answer claims on `orders` by the starting policies, on the record `audit`."""
    review = ReturnReviewEndpoint(
        orders or NoOrders(),
        Policies.load(),
        audit,
        app.languages,
        max_items=app.settings.max_items,
        **models,
    )
    app.use(RETURN_REVIEW.path, review, Readiness(ready=True))
    app.use(REVIEW_OUTCOME.path, OutcomeEndpoint(audit), Readiness(ready=True))


def use_events(app: MuslinApp, open_log) -> EventWriter:
    """Take events into the log that `open_log` opens."""
    writer = EventWriter(open_log)
    endpoint = EventsEndpoint(writer, max_items=app.settings.max_items)
    app.use(EVENTS.path, endpoint, Readiness(ready=True, counts=False))
    return writer
