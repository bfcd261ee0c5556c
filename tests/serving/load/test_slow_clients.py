"""A real process answers its clients, whatever some of them do."""

import contextlib
import threading
import time

import httpx
import orjson
import psutil
import pytest
from real_service import KNOWN, RealService, head, is_ended, read_answer, request, wait_for

MOST = 300
WAITING = 8  # and two long ones


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = RealService(
        tmp_path_factory.mktemp("slow"),
        max_connections=MOST,
        max_waiting=WAITING,
        client_timeout_s=2,
    )
    yield service
    service.kill()


@pytest.fixture
def connect(service):
    """Opens connections that are closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(service.connect())


def drip(connections, stop):
    """Send all of them a byte at a time, for ever."""
    while not stop.wait(0.2):
        for each in connections:
            with contextlib.suppress(OSError):
                each.send(b" ")


def test_slow_clients_hold_nobody_up_and_are_ended(service, connect):
    """Two hundred: silent, in their head, before their body, and in it, byte by byte."""
    slow = [connect() for _ in range(200)]
    silent, heads, waiting, bodies = slow[:50], slow[50:100], slow[100:150], slow[150:]
    for each in heads:
        each.send(b"POST /v1/size-advice HTTP/1.1\r\nhost:")
    for each in waiting:
        each.send(head(length=500))
    for each in bodies:
        each.send(head(length=500) + b"{")
    stop = threading.Event()
    dripping = threading.Thread(target=drip, args=([*heads, *bodies], stop))
    dripping.start()
    try:
        for _ in range(50):
            assert service.client.post("/v1/size-advice", json=KNOWN).status_code == 200
        assert not any(is_ended(each) for each in slow)  # they all hang meanwhile
        wait_for(lambda: all(is_ended(each) for each in slow))
    finally:
        stop.set()
        dripping.join()
    assert all(read_answer(each) is None for each in (*silent, *waiting))
    told = {read_answer(each)[0] for each in bodies[:1]}
    assert told == {408}


def test_who_does_not_read_is_ended_and_holds_neither_turn_nor_memory(service, connect):
    worker = service.worker()
    before = worker.memory_info().rss
    lists = request([KNOWN] * 1_000) * 200  # answers of 120 MB
    deaf = [connect() for _ in range(2)]
    for each in deaf:
        each.settimeout(0.5)
        with pytest.raises(TimeoutError):  # the service stops reading, too
            each.sendall(lists)
    for _ in range(20):
        assert service.client.post("/v1/size-advice", json=KNOWN).status_code == 200
    assert worker.memory_info().rss - before < 50_000_000
    wait_for(lambda: all(is_ended(each) for each in deaf))
    assert service.client.post("/v1/size-advice", json=KNOWN).status_code == 200


def test_idle_connections_are_bounded_and_make_room_for_others(service, connect):
    idle = [connect() for _ in range(MOST + 100)]
    with httpx.Client(base_url=service.url) as client:  # its connection is the newest
        assert client.get("/livez").status_code == 200
        assert client.post("/v1/size-advice", json=KNOWN).status_code == 200
    wait_for(lambda: sum(map(is_ended, idle)) >= 100, 1.5)  # earlier than for being slow
    assert all(is_ended(each) for each in idle[:90])  # those that were silent longest
    assert not is_ended(idle[-1])
    assert service.worker().num_fds() < MOST + 200


def test_a_refused_body_that_never_ends_does_not_keep_the_connection(service, connect):
    """Nobody waits for that body, and yet it keeps arriving."""
    refused = connect()
    refused.send(head("/no/such/path", length=1_000) + b"{")
    assert read_answer(refused)[0] == 404
    stop = threading.Event()
    dripping = threading.Thread(target=drip, args=([refused], stop))
    dripping.start()
    try:
        wait_for(lambda: is_ended(refused))
    finally:
        stop.set()
        dripping.join()


def test_blank_lines_do_not_keep_a_connection_open(service, connect):
    idle = connect()
    stop = threading.Event()

    def blank():
        while not stop.wait(0.2):
            with contextlib.suppress(OSError):
                idle.send(b"\r\n")

    sending = threading.Thread(target=blank)
    sending.start()
    try:
        wait_for(lambda: is_ended(idle))
    finally:
        stop.set()
        sending.join()


def test_a_websocket_is_not_a_way_around_the_limits(service, connect):
    asking = connect()
    fields = {"upgrade": "websocket", "connection": "upgrade", "sec_websocket_version": 13}
    asking.send(head("/livez", method="GET", sec_websocket_key="x" * 22 + "==", **fields))
    assert read_answer(asking)[0] == 200


def test_beyond_what_may_wait_requests_are_refused_and_health_pages_answer(service, connect):
    asking = [connect() for _ in range(60)]
    looking = {path: connect() for path in ("/livez", "/readyz", "/metrics")}
    for each in (*asking, *looking.values()):  # the server knows them all
        each.send(head("/livez", method="GET"))
        assert read_answer(each)[0] == 200
    worker = service.worker()
    worker.suspend()  # all come while the worker has no time to look
    try:
        wait_for(lambda: worker.status() == psutil.STATUS_STOPPED)
        for each in asking:
            each.send(request())
        for path, each in looking.items():
            each.send(head(path, method="GET"))
    finally:
        worker.resume()
    answers = [read_answer(each) for each in asking]
    assert {path: read_answer(each)[0] for path, each in looking.items()} == dict.fromkeys(
        looking, 200
    )
    statuses = [status for status, _, _ in answers]
    assert set(statuses) == {200, 429}
    # the system may hand the health pages' requests over first, and they count as well
    assert WAITING - len(looking) <= statuses.count(200) <= WAITING
    _, fields, body = answers[statuses.index(429)]
    assert fields["retry-after"] == "1"
    assert orjson.loads(body)["type"] == "urn:muslin:problem:overloaded"
    for each in asking:  # the same connections, once there is time
        each.send(request())
        assert read_answer(each)[0] == 200


def test_slow_bodies_do_not_fill_the_queue(service, connect):
    """Far more than may wait are under way, and none of them asks for the processor."""
    slow = [connect() for _ in range(5 * WAITING)]
    for each in slow:
        each.send(head(length=len(orjson.dumps(KNOWN))))
    assert service.client.post("/v1/size-advice", json=KNOWN).status_code == 200
    for each in slow:
        each.send(orjson.dumps(KNOWN))
        time.sleep(0.001)
    statuses = {read_answer(each)[0] for each in slow}
    assert statuses <= {200, 429}
    assert 200 in statuses
