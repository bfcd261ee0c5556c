"""Give an application its endpoints without a registry or a state."""

from data_contracts.policies import Policies
from serving.app import MuslinApp
from serving.endpoints import SizeAdviceEndpoint
from serving.parts import Readiness
from serving.risk_endpoint import ReturnRiskEndpoint


def use_sizes(app: MuslinApp, advisor, **told) -> None:
    """Let `advisor` answer size advice; `told` is what `/readyz` says besides its model."""
    app.use(
        "/v1/size-advice",
        SizeAdviceEndpoint(advisor, app.languages, max_items=app.settings.max_items),
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
