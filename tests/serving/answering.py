"""Give an application its endpoints without a registry or a state."""

from serving.app import MuslinApp
from serving.endpoints import SizeAdviceEndpoint
from serving.parts import Readiness


def use_sizes(app: MuslinApp, advisor, **told) -> None:
    """Let `advisor` answer size advice; `told` is what `/readyz` says besides its model."""
    app.use(
        "/v1/size-advice",
        SizeAdviceEndpoint(advisor, app.languages, max_items=app.settings.max_items),
        Readiness(ready=True, model=advisor.label(), **told),
    )
