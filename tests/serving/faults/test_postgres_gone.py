"""The log of events in PostgreSQL goes away and comes back under a real server of events."""

import os
import signal
import subprocess
import time
from contextlib import ExitStack

import httpx
import pytest

from features.stores import open_event_log
from serving.events.examples import EXAMPLES
from serving.run import free_port
from tests.servers import MissingServerError, postgres_cluster

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


@pytest.fixture
def client(settings, cluster, port, child_path, python):
    """Asks a server of events whose log is where PostgreSQL will be."""
    with cluster(port=port) as (url, _):
        settings = settings.model_copy(update={"events_url": url, "port": free_port()})
    server = subprocess.Popen(
        [python, "-m", "events_server"],
        env={**os.environ, **settings.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout.readline() == "ready\n"
    server.stdin.write("\n")
    server.stdin.flush()
    pid = int(server.stdout.readline())
    with httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", timeout=60) as client:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                client.get("/livez").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                break
        client.kept, client.numbers = [], iter(range(1_000_000))
        yield client
    os.kill(pid, signal.SIGTERM)
    server.communicate(timeout=30)


def sent(client):
    ids = [f"e-{next(client.numbers)}" for _ in range(5)]
    body = [{**EXAMPLES["delivery"], "event_id": each} for each in ids]
    answer = client.post(EVENTS, json=body)
    if answer.status_code == 202:
        client.kept += ids
    return answer


def refused(answer):
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["type"] == "urn:muslin:problem:event-log-unusable"
    return answer.json()["detail"]


def test_events_are_refused_while_it_is_away_and_taken_when_it_is_back(
    client, cluster, port, monkeypatch
):
    assert "127.0.0.1" in refused(sent(client))  # it was away at the start
    with cluster(port=port) as (url, _):
        assert sent(client).status_code == 202
    assert "cannot be" in refused(sent(client))
    with cluster(port=port) as (_, pid):
        assert sent(client).status_code == 202
        os.kill(pid, signal.SIGSTOP)  # it hangs: the kernel takes connections, nobody answers
        for child in children_of(pid):
            os.kill(child, signal.SIGSTOP)
        try:
            assert "has not answered" in refused(sent(client))
            assert "has not answered" in refused(sent(client))
            assert client.get("/readyz").json()["endpoints"][EVENTS]["ready"] is True
        finally:
            for each in (*children_of(pid), pid):
                os.kill(each, signal.SIGCONT)
        deadline = time.monotonic() + 60
        while sent(client).status_code != 202:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with open_event_log(url) as log:
            logged = [each.event_id for each in log.read(0, 10_000)]
    assert len(logged) == len(set(logged))
    assert set(client.kept) <= set(logged)


def children_of(pid):
    import psutil

    return [each.pid for each in psutil.Process(pid).children(recursive=True)]
