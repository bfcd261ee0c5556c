"""The online state in Redis goes away and comes back under the real service with real models."""

import os

import pytest
from asgi import ask

from faults.own_redis import OwnRedis
from faults.real_shop import REVIEW, RISK, SIZE, Service
from faults.registries import refusing_registry
from features.settings import Settings
from serving.app import MuslinApp
from serving.run import free_port
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
        tracking_uri=refusing_registry(),
        champion_dir=folder / "champion",
        events_url=str(folder / "events.db"),
        audit_url=str(folder / "audit.db"),
        follow=False,
        port=free_port(),
    )
    shop.adopt(settings)
    shop.fill(server.url)
    return settings


@pytest.fixture(scope="module")
def service(settings, tmp_path_factory):
    service = Service(settings, tmp_path_factory.mktemp("log") / "log")
    try:
        service.wait_for(lambda: service.client.get("/readyz").status_code == 200)
        yield service
    finally:
        service.end()


@pytest.fixture(scope="module")
def questions(shop):
    return shop.questions()


def answers(service, questions):
    found = {}
    for path, body in questions.items():
        response = service.ask(path, body)
        assert response.status_code == 200, response.text
        found[path] = response.json()
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
    unseen = service.ask(SIZE, NEVER_ASKED).json()
    assert unseen["status"] == "not_enough_information"
    assert unseen["degraded"] is True
    assert "cannot look this product up right now" in unseen["message"]
    ready = service.client.get("/readyz")
    assert ready.status_code == 200
    (lost,) = ready.json()["degraded"]
    assert lost["part"] == "state"
    assert "redis://127.0.0.1" in lost["reason"]


def test_a_service_without_its_registry_answers_with_the_last_copies(service):
    told = service.ready()["endpoints"]
    for path in (SIZE, RISK, REVIEW):
        assert told[path]["ready"] is True
        assert told[path]["source"] == "copy"
        assert service.settings.tracking_uri in told[path]["reason"]


def test_of_a_state_that_is_there_nothing_is_degraded(service, questions):
    assert degraded(answers(service, questions)) == {False}
    assert service.ask(SIZE, NEVER_ASKED).json()["status"] == "unknown_product"
    assert service.ready()["degraded"] == []


def test_killed_and_started_empty_it_is_done_without_until_it_is_filled(
    service, server, shop, questions
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
    assert service.told().count("state: lost") == 1
    assert "state: back" in service.told()


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
    server.kill()
    try:
        app = MuslinApp(settings)
        keeper = start(app)
        for path, body in questions.items():
            answer = ask(app, path, body=body)
            assert answer.status == 200, answer.body
            assert {each["degraded"] for each in answer.json} == {True}
    finally:
        server.start()
    shop.fill(server.url)
    while any(each["degraded"] for each in ask(app, SIZE, body=questions[SIZE]).json):
        keeper.look()
