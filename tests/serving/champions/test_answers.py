"""Endpoints that are exchanged: all of them, none lost, and the old ones given back."""

import gc
import threading
import weakref

import pytest
from asgi import ask
from fake_advisor import FakeAdvisor
from fake_risk_advisor import FakeRiskAdvisor

from features.state import SqliteState, StateError
from serving.advisor import ModelLabel
from serving.app import MuslinApp
from serving.champions.answers import Answers
from serving.parts import Loaded, Readiness
from serving.startup import start

REVIEW = "/v1/return-review"
CLAIM = {"order_line_id": "1", "customer_id": "c", "reason": "too_small"}


def models(sizes, risks):
    ready = Readiness(ready=True, model=ModelLabel("size_fit", "7"))
    return {
        "size_fit": Loaded(sizes, ready),
        "return_risk": Loaded(risks, ready),
        "abuse": Loaded(None, Readiness(ready=False, reason="none")),
    }


@pytest.fixture
def bare(settings):
    return MuslinApp(settings)


def test_what_was_exchanged_is_given_back_though_it_was_frozen(bare):
    answers = Answers(bare, reviews=False)
    sizes, risks = FakeAdvisor(), FakeRiskAdvisor()
    answers.publish(models(sizes, risks), {})
    body = {"product_id": "dress", "measurements": {"height_cm": 170}}
    assert ask(bare, body=body).status == 200
    gone = [weakref.ref(each) for each in (sizes, risks)]
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        del sizes, risks
        answers.publish(models(FakeAdvisor(), FakeRiskAdvisor()), {})
        assert [each() for each in gone] == [None, None]
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_desk_whose_state_cannot_be_opened_now_is_asked_for_again(bare, settings, monkeypatch):
    answers = Answers(bare)
    with pytest.raises(StateError):
        answers.publish(models(FakeAdvisor(), FakeRiskAdvisor()), {})
    told = ask(bare, "/readyz", method="GET").json["endpoints"]
    assert told["/v1/size-advice"]["ready"]
    assert told[REVIEW]["action"].startswith("muslin materialize")

    monkeypatch.setattr("serving.champions.keeper._RETRY_S", 0.0)
    keeper = start(bare)
    assert ask(bare, REVIEW, body=CLAIM).status == 503
    SqliteState(settings.state_url).close()
    keeper.look()
    assert ask(bare, REVIEW, body=CLAIM).status == 200


class Slow(dict):
    """Parts that somebody else has given his meanwhile, or waits to."""

    def __init__(self, parts, meanwhile):
        super().__init__(parts)
        self._thread = threading.Thread(target=meanwhile)

    def items(self):
        if self._thread.ident is None:
            self._thread.start()
            self._thread.join(0.3)
        yield from super().items()

    def wait(self):
        self._thread.join()


def test_of_two_that_give_endpoints_at_once_none_is_lost(bare):
    async def endpoint(body, request_id):
        return b"[]"

    ready = Readiness(ready=True)

    def other():
        bare.exchange({"/v1/events": (endpoint, ready)})

    parts = Slow({"/v1/size-advice": (endpoint, ready)}, other)
    bare.exchange(parts)
    parts.wait()
    told = ask(bare, "/readyz", method="GET").json["endpoints"]
    assert told["/v1/events"]["ready"]
    assert told["/v1/size-advice"]["ready"]
