"""How soon a follower that ended is started again."""

import itertools
import threading
import time

from serving import companion


def test_waits_grow_while_it_cannot_start_and_begin_anew_after_it_ran(settings, monkeypatch):
    ran = [0, 0, 0, 61, 0]  # seconds of each follower
    clock = itertools.accumulate(each for ran_s in ran for each in (0, ran_s))
    waits = []

    class Ends:
        def wait(self):
            return -9

    class Noted:
        def is_set(self):
            return False

        def wait(self, seconds):
            waits.append(seconds)
            return len(waits) == len(ran)

    monkeypatch.setattr(companion.subprocess, "Popen", lambda *_, **__: Ends())
    monkeypatch.setattr(companion.time, "monotonic", lambda: next(clock))
    child = companion._Companion(settings)
    child._ended = Noted()
    child.keep()
    assert waits == [1, 2, 4, 1, 2]


def test_it_starts_once_it_may_and_not_at_all_where_the_service_ends_before(settings, monkeypatch):
    order = []
    ended = threading.Event()

    class Runs:
        def wait(self, timeout=10):
            ended.wait(timeout)
            return 0

        def terminate(self):
            ended.set()

    monkeypatch.setattr(
        companion.subprocess, "Popen", lambda *_, **__: (order.append("started"), Runs())[1]
    )
    settings = settings.model_copy(update={"follow": True})
    allowed = threading.Event()
    with companion.following(settings, lambda _: (allowed.wait(10), order.append("allowed"))):
        assert order == []
        allowed.set()
        while len(order) < 2:
            time.sleep(0.01)
    assert order == ["allowed", "started"]

    order.clear()
    ended.clear()
    with companion.following(settings, lambda _: 1 / 0):  # a wait that fails is no reason not to
        while not order:
            time.sleep(0.01)
    assert order == ["started"]

    order.clear()
    with companion.following(settings, lambda over: over.wait(10)):
        pass
    assert order == []
