"""A record that hangs costs its own requests, and nothing else that is done off the event loop."""

import asyncio
import threading

import pytest

from features.audit import AuditError
from serving.return_review import off_loop
from serving.return_review.off_loop import RecordThread


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(off_loop, "_PATIENCE_S", 0.05)


class Hanging:
    """What is appended waits until `go_on` is set."""

    def __init__(self):
        self.go_on, self.kept = threading.Event(), []

    def append(self, what):
        self.go_on.wait(60)
        self.kept.append(what)


def test_a_write_that_hangs_is_given_up_and_the_next_are_refused_unasked():
    thread, disk = RecordThread(), Hanging()

    async def one(number):
        with pytest.raises(AuditError, match="has not answered for"):
            await thread.write(disk.append, number)

    async def many():
        await asyncio.gather(*map(one, range(100)))
        # The pool of the loop, which `/metrics` needs, has all its threads.
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 30) == "free"
        pool, thread._pool = thread._pool, None  # nothing is handed over any more
        await one(100)
        thread._pool = pool
        disk.go_on.set()
        while True:
            try:
                return await thread.write(disk.append, "after it")
            except AuditError:
                await asyncio.sleep(0.01)

    asyncio.run(many())
    assert disk.kept[0] == 0  # it was on its way, and no request that waited behind it
    assert set(disk.kept[1:]) == {"after it"}


def test_what_the_record_says_is_told():
    def append(what):
        raise AuditError(f"{what} cannot be written")

    with pytest.raises(AuditError, match="a review cannot be written"):
        asyncio.run(RecordThread().write(append, "a review"))
