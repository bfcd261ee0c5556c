"""The whole service on fake models, some questions to which fail and quote what was asked."""

import asyncio
import threading
import warnings

import bentoml

from data_contracts.policies import Policies
from features.state import StateError
from features.state_memory import MemoryState
from serving.endpoints import SizeAdviceEndpoint
from serving.observe.logs import configure
from serving.parts import Readiness
from serving.return_review.build import build
from serving.return_review.outcome_schemas import REVIEW_OUTCOME
from serving.return_review.record import SteadyRecord
from serving.return_review.schemas import RETURN_REVIEW
from serving.risk_endpoint import ReturnRiskEndpoint
from serving.service import DirectService
from serving.startup import _take_events
from serving.worker import app, settings
from tests.serving.fake_advisor import FakeAdvisor
from tests.serving.fake_risk_advisor import FakeRiskAdvisor


def fail(question) -> None:
    raise ValueError(f"cannot use {question!r}")


async def fail_later(question) -> None:
    fail(question)


class Failing(FakeAdvisor):
    def look_up(self, questions):
        for each in questions:
            match each.product_id:
                case "raises":
                    fail(each)
                case "raises-twice":
                    try:
                        int(each.customer_id)
                    except ValueError as error:
                        raise KeyError(each.customer_id) from error
                case "raises-state":
                    raise StateError("the online state was filled for version 8 of size_fit")
                case "fails-in-a-thread":
                    threading.Thread(target=fail, args=(each,), name="helper").start()
                case "fails-in-a-task":
                    asyncio.get_running_loop().create_task(fail_later(each))
                case "fails-in-a-callback":
                    asyncio.get_running_loop().call_soon(fail, each)
                case "warns":
                    warnings.warn(f"a strange question: {each!r}", stacklevel=1)
        return super().look_up(questions)


@bentoml.service(
    service_class=DirectService, workers=settings.workers, logging={"access": {"enabled": False}}
)
class Watched:
    @bentoml.on_deployment
    @staticmethod
    def before() -> None:
        configure(settings, "main")

    def __init__(self) -> None:
        counts, most = app.counts, settings.max_items
        sizes, risks = Failing(), FakeRiskAdvisor()
        ready = Readiness(ready=True)
        app.use(
            "/v1/size-advice",
            SizeAdviceEndpoint(
                sizes, app.languages, max_items=most, risks=risks, tally=counts.size_advice
            ),
            Readiness(ready=True, model=sizes.label()),
        )
        policies = Policies.load()
        app.use(
            "/v1/return-risk",
            ReturnRiskEndpoint(
                risks, app.languages, policies, max_items=most, tally=counts.return_risk
            ),
            Readiness(ready=True, model=risks.label()),
        )
        review, outcome = build(
            MemoryState({}, {}),
            policies,
            SteadyRecord(settings.audit_url, lambda _: None),
            app.languages,
            settings,
            sizes=sizes,
            risks=risks,
            tally=counts.return_review,
        )
        app.use(RETURN_REVIEW.path, review, ready)
        app.use(REVIEW_OUTCOME.path, outcome, ready)
        _take_events(app)
