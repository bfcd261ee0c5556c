"""How soon a follower that ended is started again."""

import itertools

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
