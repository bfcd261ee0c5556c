"""What was exchanged is given back at once, without the collector of cycles."""

import gc
import weakref

import pytest
from fake_advisor import FakeAdvisor
from fake_risk_advisor import FakeRiskAdvisor

from data_contracts.policies import Policies
from serving.endpoints import SizeAdviceEndpoint
from serving.languages import Languages
from serving.risk_endpoint import ReturnRiskEndpoint


@pytest.mark.parametrize(
    ("advisor", "endpoint"),
    [
        (FakeAdvisor, lambda told: SizeAdviceEndpoint(told, Languages(), max_items=10)),
        (
            FakeRiskAdvisor,
            lambda told: ReturnRiskEndpoint(told, Languages(), Policies.load(), max_items=10),
        ),
    ],
)
def test_an_endpoint_that_nobody_uses_gives_its_model_back_without_a_search_for_cycles(
    advisor, endpoint
):
    model = advisor()
    made = endpoint(model)
    gone = weakref.ref(model)
    gc.disable()
    try:
        del model, made
        assert gone() is None
    finally:
        gc.enable()
