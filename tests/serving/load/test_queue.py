"""What a worker takes on at once, and whose turn it is."""

import asyncio

import orjson
import pytest
from answering import use_sizes
from asgi import ask
from fake_advisor import FakeAdvisor

from serving.problems import Problem
from serving.queue import LONG_BODY, OVERLOADED, QUEUE, Queue

KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}
LISTS = 8


def scope_of(body, **more):
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return {
        "type": "http",
        "method": "POST",
        "path": "/v1/size-advice",
        "headers": fields,
        **more,
    }


async def answered(app, body):
    """The status of an answer, on a loop that others share."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope_of(body), receive, send)
    return sent[0]["status"]


class Noting(FakeAdvisor):
    """Notes each chunk of a list, and each single question."""

    def __init__(self):
        self.seen = []

    def advise(self, known):
        self.seen.append("list" if len(known) > 1 else "single")
        return super().advise(known)


def test_long_lists_do_not_starve_single_questions(app):
    advisor = Noting()
    use_sizes(app, advisor)
    long, single = orjson.dumps([KNOWN] * 1_000), orjson.dumps(KNOWN)

    async def one_after_another(lists):
        statuses = []
        while not all(each.done() for each in lists):
            statuses.append(await answered(app, single))
            await asyncio.sleep(0)  # the network is looked at
        return statuses

    async def run():
        lists = [asyncio.create_task(answered(app, long)) for _ in range(LISTS)]
        statuses = await one_after_another(lists)
        return statuses + [each.result() for each in lists]

    assert set(asyncio.run(run())) == {200}
    chunks = advisor.seen.count("list")
    assert chunks == LISTS * 40
    longest, length = 0, 0
    for what in advisor.seen:
        length = length + 1 if what == "list" else 0
        longest = max(longest, length)
    assert longest <= 2  # of eight lists one at a time, then a single question


def test_long_requests_take_turns_in_order():
    queue = Queue()
    order = []

    async def long(name):
        for _ in range(3):
            await queue.turn()
            order.append(name)

    async def run():
        await asyncio.gather(*(long(name) for name in "abc"))

    asyncio.run(run())
    asyncio.run(run())  # another loop, of another server
    assert order == list("abcabcabc") * 2


def test_a_turn_lasts_until_the_work_of_a_long_request_is_done_elsewhere_too():
    """Its questions go to the model with those of others: it has the turn until they are back."""
    queue = Queue()
    body = b" " * (LONG_BODY + 1)
    under_way, most = set(), 0

    async def endpoint(body, name):
        nonlocal most
        for chunk in range(3):
            if chunk:
                await queue.turn()
            under_way.add(name)
            most = max(most, len(under_way))
            await asyncio.sleep(0.001)
            under_way.discard(name)
        return b""

    async def run():
        await asyncio.gather(*(queue.long(endpoint, body, name) for name in "abcde"))

    asyncio.run(run())
    assert most == 1


def test_who_gives_up_leaves_its_turn_to_others():
    queue = Queue()
    order = []

    async def long(name):
        await queue.turn()
        order.append(name)

    async def run():
        tasks = [asyncio.create_task(long(name)) for name in "abc"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.wait(tasks)

    asyncio.run(run())
    assert order == ["a", "c"]


def test_what_came_to_a_full_queue_is_told_so_and_when_to_come_again(app):
    body = orjson.dumps(KNOWN)
    refused = QUEUE.refused
    sent = []

    async def receive():
        raise AssertionError("the body of a refused request is not read")

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope_of(body, **{OVERLOADED: True}), receive, send))
    assert sent[0]["status"] == 429
    assert dict(sent[0]["headers"])[b"retry-after"] == b"1"
    assert orjson.loads(sent[1]["body"])["type"] == "urn:muslin:problem:overloaded"
    assert QUEUE.refused == refused + 1


def test_who_waits_for_something_else_does_not_fill_the_queue():
    queue = Queue(most=2)
    assert queue.is_full(3)
    with queue.waiting_elsewhere(b"short"):
        assert not queue.is_full(3)
    assert queue.is_full(3)


def test_long_requests_have_a_bound_of_their_own_and_leave_the_queue_to_short_ones():
    queue = Queue(most=8)
    body = b" " * (LONG_BODY + 1)
    done = asyncio.Event()

    async def endpoint(body, request_id):
        await done.wait()
        return request_id.encode()

    async def on_disk(body, request_id):
        with queue.waiting_elsewhere(body):
            await done.wait()
        return request_id.encode()

    async def run():
        stored = []
        for _ in range(5):
            stored.append(asyncio.create_task(queue.long(on_disk, body, "s")))
            for _ in range(5):
                await asyncio.sleep(0)
        first = [asyncio.create_task(queue.long(endpoint, body, str(n))) for n in range(2)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert not queue.is_full(8 + len(stored) + len(first))
        assert queue.is_full(9 + len(stored) + len(first))
        with pytest.raises(Problem) as refused:
            await queue.long(endpoint, body, "2")
        assert refused.value.status == 429
        done.set()
        assert await asyncio.gather(*first) == [b"0", b"1"]
        assert await queue.long(endpoint, body, "3") == b"3"
        assert not queue.is_full(8)
        assert queue.is_full(9)

    asyncio.run(run())


def test_bodies_that_arrive_slowly_take_bounded_memory():
    queue = Queue()
    with queue.arriving() as first, queue.arriving() as second:
        first.add(60_000_000)
        with pytest.raises(Problem) as refused:
            second.add(5_000_000)
        assert refused.value.status == 429
    with queue.arriving() as third:
        third.add(60_000_000)


def test_a_body_in_parts_is_refused_when_the_queue_is_full_by_then(app):
    parts = [b'{"product_id"', b':"dress"}']
    assert ask(app, chunks=parts).status == 200
    scope = scope_of(b"", headers=[(b"content-type", b"application/json")])
    sent = []

    async def receive():
        if len(parts) == 1:
            scope[OVERLOADED] = True
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 429
