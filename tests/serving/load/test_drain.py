"""SIGTERM cuts nobody off: not ready, then closed, then gone, with every answer whole."""

import contextlib
import threading
import time

import httpx
import pytest
from real_service import KNOWN, RealService, head, is_ended, read_answer, request, wait_for

from features.stores import open_event_log
from serving.events.examples import EXAMPLES

EVENTS = "/v1/events"


@pytest.fixture
def service(tmp_path):
    service = RealService(tmp_path, drain_s=1, client_timeout_s=60)
    yield service
    service.kill()


class Asking(threading.Thread):
    """Asks on one connection after another, until none is taken; keeps what was answered."""

    def __init__(self, service, name, body, path):
        super().__init__()
        self.service, self.asker, self.body, self.path = service, name, body, path
        self.answers, self.failure = [], None

    def run(self):
        try:
            with contextlib.suppress(ConnectionError):
                while True:
                    self._on_one_connection()
        except BaseException as error:
            self.failure = error

    def _on_one_connection(self):
        with self.service.connect() as connection:
            while True:
                body = self.body(f"{self.asker}-{len(self.answers)}")
                connection.sendall(request(body, self.path))
                answer = read_answer(connection)
                if answer is None:
                    return
                self.answers.append((body, answer[0]))
                if answer[1].get("connection") == "close":
                    return


@pytest.fixture
def hanging(service):
    with service.connect() as connection:
        yield connection


def test_what_was_accepted_is_answered_whole_and_the_process_ends(service, hanging):
    single = Asking(service, "single", lambda _: KNOWN, "/v1/size-advice")
    lists = Asking(service, "list", lambda _: [KNOWN] * 1_000, "/v1/size-advice")
    events = [
        Asking(service, f"e{n}", lambda name: {**EXAMPLES["delivery"], "event_id": name}, EVENTS)
        for n in range(3)
    ]
    asking = [single, lists, *events]
    hanging.send(head(length=100) + b"{")  # never ends: not answered, not waited for for ever
    for each in asking:
        each.start()
    wait_for(lambda: all(len(each.answers) >= 3 for each in asking))
    service.process.terminate()
    told = []
    with contextlib.suppress(httpx.TransportError):
        while True:
            answer = httpx.get(f"{service.url}/readyz", timeout=5)
            told.append((answer.status_code, answer.headers.get("connection")))
            time.sleep(0.02)
    assert service.process.wait(40) == 0
    for each in asking:
        each.join()
        assert each.failure is None
        assert {status for _, status in each.answers} <= {200, 202}
    assert (503, "close") in told  # not ready, and still there
    assert told == sorted(told, key=lambda each: each[0])  # and not ready again
    assert is_ended(hanging)
    acknowledged = [body["event_id"] for each in events for body, _ in each.answers]
    with open_event_log(service.settings.events_url) as log:
        found = [each.event_id for each in log.read(0, 100_000)]
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))
