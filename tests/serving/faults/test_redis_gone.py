"""A real Redis with the online state goes away and comes back under the application with models.

The application runs in this process: starting the service costs more than all these tests.
"""

import os
import time

import pytest
from asgi import ask

from faults.own_redis import OwnRedis
from faults.real_shop import REVIEW, RISK, SIZE
from features.settings import Settings
from serving.app import MuslinApp
from serving.startup import start
from tests.servers import MissingServerError

NEVER_ASKED = {"product_id": "never asked about before"}


@pytest.fixture(scope="module")
def server():
    try:
        server = OwnRedis()
    except MissingServerError as error:
        if os.environ.get("MUSLIN_CI") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def settings(shop, server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("redis-gone")
    settings = Settings(
        state_url=server.url,
        champion_dir=folder / "champion",
        events_url=str(folder / "events.db"),
        audit_url=str(folder / "audit.db"),
        follow=False,
    )
    shop.adopt(settings)
    shop.fill(server.url)
    return settings


class Service:
    """The application as a worker has it."""

    def __init__(self, settings):
        self.app = MuslinApp(settings)
        self.keeper = start(self.app)

    def ask(self, path, body):
        return ask(self.app, path, body=body)

    def ready(self):
        answer = ask(self.app, "/readyz", method="GET")
        assert answer.status == 200
        return answer.json

    def wait_for(self, done):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if found := done():
                return found
            time.sleep(0.02)
        raise AssertionError(f"it did not come about in time: {self.ready()}")


@pytest.fixture(scope="module")
def service(settings):
    return Service(settings)


@pytest.fixture(scope="module")
def questions(shop):
    return shop.questions()


def answers(service, questions):
    found = {}
    for path, body in questions.items():
        response = service.ask(path, body)
        assert response.status == 200, response.body
        found[path] = response.json
    return found


def degraded(found):
    return {each["degraded"] for told in found.values() for each in told}


def whole(service, questions):
    found = answers(service, questions)
    return found if degraded(found) == {False} else None


def judged(found):
    """What does not depend on the moment of the question."""
    return [(each["status"], each["recommended"]) for each in found[SIZE]], [
        (each["abuse"]["band"], each["route"]) for each in found[REVIEW]
    ]


def assert_without_history(service, questions):
    """All is answered, says that it is degraded, and claims nothing of what it cannot see."""
    found = answers(service, questions)
    assert degraded(found) == {True}
    for told in found.values():
        for each in told:
            assert "without_history" in {notice["code"] for notice in each["notices"]}
    # Products that were asked about are remembered, with their sizes.
    assert all(each["sizes"] for each in found[SIZE])
    for each in found[RISK]:
        assert each["lines"][0]["knows"] == {"customer_orders": None, "product_orders": None}
    for each in found[REVIEW]:
        assert each["abuse"] is None
        assert each["route"] == "review"
        assert [rule["rule"] for rule in each["rules"]] == ["records_not_reachable"]
        assert "confirmation of your order" not in each["customer_message"]
    unseen = service.ask(SIZE, NEVER_ASKED).json
    assert unseen["status"] == "not_enough_information"
    assert unseen["degraded"] is True
    assert "cannot look this product up right now" in unseen["message"]
    (lost,) = service.ready()["degraded"]
    assert lost["part"] == "state"
    assert "redis://127.0.0.1" in lost["reason"]


def test_of_a_state_that_is_there_nothing_is_degraded(service, questions):
    assert degraded(answers(service, questions)) == {False}
    assert service.ask(SIZE, NEVER_ASKED).json["status"] == "unknown_product"
    assert service.ready()["degraded"] == []


def test_killed_and_started_empty_it_is_done_without_until_it_is_filled(
    service, server, shop, questions, caplog
):
    before = answers(service, questions)
    server.kill()
    assert_without_history(service, questions)
    server.start()
    assert_without_history(service, questions)
    shop.fill(server.url)
    after = service.wait_for(lambda: whole(service, questions))
    assert judged(after) == judged(before)
    assert service.ready()["degraded"] == []
    assert caplog.text.count("state: lost") == 1
    assert "state: back" in caplog.text


def test_a_server_that_hangs_is_done_without_until_it_answers(service, server, questions):
    before = answers(service, questions)
    server.stop()
    try:
        assert_without_history(service, questions)
        assert_without_history(service, questions)
    finally:
        server.go_on()
    after = service.wait_for(lambda: whole(service, questions))
    assert judged(after) == judged(before)


def test_emptied_without_a_word_it_is_not_taken_for_a_shop_without_orders(
    service, server, shop, questions
):
    import redis

    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    assert_without_history(service, questions)
    shop.fill(server.url)
    assert service.wait_for(lambda: whole(service, questions))


def test_a_service_that_starts_meanwhile_answers_too(settings, server, shop, questions):
    # Another URL of the same server: what this process remembers of the first is not known to it.
    anew = settings.model_copy(update={"state_url": f"{server.url}?socket_timeout=0.4"})
    server.kill()
    try:
        service = Service(anew)
        assert degraded(answers(service, questions)) == {True}
    finally:
        server.start()
    shop.fill(server.url)

    def looked():
        service.keeper.look()
        return whole(service, questions)

    service.wait_for(looked)
