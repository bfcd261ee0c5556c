"""The log of events in a real PostgreSQL goes away and comes back under the endpoint of events."""

import os
import signal
import time
from contextlib import ExitStack

import psutil
import pytest
from answering import use_events
from asgi import ask

from features.stores import open_event_log
from serving.app import MuslinApp
from serving.events import writer
from serving.events.examples import EXAMPLES
from serving.run import free_port
from tests.servers import ENCODED, MissingServerError, postgres_cluster

EVENTS = "/v1/events"


@pytest.fixture(scope="module")
def cluster():
    with ExitStack() as stack:
        try:
            run = stack.enter_context(postgres_cluster())
        except MissingServerError as error:
            if os.environ.get("MUSLIN_CI") == "1":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield run


@pytest.fixture
def port():
    return free_port()


class Client:
    """Sends events to an application, and knows which were acknowledged."""

    def __init__(self, app):
        self.app, self.kept, self.sent = app, [], 0

    def send(self):
        ids = [f"e-{self.sent + i}" for i in range(5)]
        self.sent += len(ids)
        body = [{**EXAMPLES["delivery"], "event_id": each} for each in ids]
        answer = ask(self.app, EVENTS, body=body)
        if answer.status == 202:
            self.kept += ids
        return answer


@pytest.fixture
def client(settings, cluster, port, monkeypatch):
    """Sends to an application whose log is where PostgreSQL will be."""
    monkeypatch.setattr(writer, "_PATIENCE_S", 1.0)
    url = f"postgresql://muslin:{ENCODED}@127.0.0.1:{port}/postgres"
    app = MuslinApp(settings.model_copy(update={"events_url": url}))
    events = use_events(app, lambda: open_event_log(url))
    yield Client(app)
    events.close()


def refused(answer):
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json["type"] == "urn:muslin:problem:event-log-unusable"
    return answer.json["detail"]


def test_events_are_refused_while_it_is_away_and_taken_when_it_is_back(client, cluster, port):
    assert "127.0.0.1" in refused(client.send())  # it was away at the start
    with cluster(port=port) as (url, _):
        assert client.send().status == 202
    assert "cannot be" in refused(client.send())
    with cluster(port=port) as (_, pid):
        assert client.send().status == 202
        os.kill(pid, signal.SIGSTOP)  # it hangs: the kernel takes connections, nobody answers
        for child in children_of(pid):
            os.kill(child, signal.SIGSTOP)
        try:
            assert "has not answered" in refused(client.send())
            assert "has not answered" in refused(client.send())
            told = ask(client.app, "/readyz", method="GET").json
            assert told["endpoints"][EVENTS]["ready"] is True
        finally:
            for each in (*children_of(pid), pid):
                os.kill(each, signal.SIGCONT)
        deadline = time.monotonic() + 60
        while client.send().status != 202:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with open_event_log(url) as log:
            logged = [each.event_id for each in log.read(0, 10_000)]
    assert len(logged) == len(set(logged))
    assert set(client.kept) <= set(logged)


def children_of(pid):
    return [each.pid for each in psutil.Process(pid).children(recursive=True)]
