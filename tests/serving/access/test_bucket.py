import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.access.bucket import TokenBucket


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_full_bucket_lets_its_burst_through_and_then_its_rate(clock):
    bucket = TokenBucket(2.0, 5.0, clock)
    assert [bucket.take(1) for _ in range(5)] == [0.0] * 5
    assert bucket.take(1) == pytest.approx(0.5)
    clock.now += 0.4
    assert bucket.take(1) == pytest.approx(0.1)
    clock.now += 0.11
    assert bucket.take(1) == 0.0


def test_a_bucket_never_holds_more_than_its_burst(clock):
    bucket = TokenBucket(100.0, 3.0, clock)
    clock.now += 3600
    assert [bucket.take(1) for _ in range(3)] == [0.0] * 3
    assert bucket.take(1) > 0


def test_what_is_refused_costs_nothing(clock):
    bucket = TokenBucket(1.0, 1.0, clock)
    bucket.take(1)
    for _ in range(100):
        assert bucket.take(1) == pytest.approx(1.0)
    clock.now += 1
    assert bucket.take(1) == 0.0


def test_what_is_given_back_can_be_taken_again_and_never_exceeds_the_burst(clock):
    bucket = TokenBucket(1.0, 5.0, clock)
    assert bucket.take(50) == 0.0
    bucket.give(50)
    assert [bucket.take(1) for _ in range(5)] == [0.0] * 5
    assert bucket.take(1) == pytest.approx(1.0)
    clock.now += 100
    bucket.take(1)
    bucket.give(50)
    assert bucket.take(5) == 0.0
    assert bucket.take(1) == pytest.approx(1.0)


def test_who_waits_as_told_is_let_in(clock):
    bucket = TokenBucket(0.7, 4.0, clock)
    bucket.take(4)
    for cost in (1, 3, 4, 9):
        wait = bucket.take(cost)
        assert wait > 0
        clock.now += wait
        assert bucket.take(cost) == 0.0


def test_more_than_the_bucket_holds_needs_it_full_and_leaves_a_debt(clock):
    bucket = TokenBucket(10.0, 20.0, clock)
    assert bucket.take(1) == 0.0
    assert bucket.take(1000, held=1) == 0.0  # with the one it took the bucket was full
    assert bucket.take(1) == pytest.approx((1000 - 20 + 1) / 10)
    clock.now += 98.0
    assert bucket.take(1) > 0
    clock.now += 0.2
    assert bucket.take(1) == 0.0
    assert bucket.take(1000, held=1) > 0


@given(
    st.floats(0.1, 50),
    st.floats(1, 100),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 300)), max_size=60),
)
def test_in_no_span_is_more_let_in_than_burst_rate_and_one_list(rate, burst, asked):
    clock = Clock()
    bucket = TokenBucket(rate, burst, clock)
    let_in = 0.0
    begun = clock.now
    for wait, cost in asked:
        clock.now += wait
        if bucket.take(cost) == 0.0:
            let_in += cost
            over = max(0.0, cost - burst)
            assert let_in - over <= burst + rate * (clock.now - begun) + 1e-6


def test_the_usual_clock_is_the_one_that_never_jumps(monkeypatch):
    """Whatever happens to the time of day, what a key has left is not touched."""
    import time

    monkeypatch.setattr(time, "time", lambda: -math.inf)
    bucket = TokenBucket(1e-6, 2.0)
    assert [bucket.take(1), bucket.take(1)] == [0.0, 0.0]
    monkeypatch.setattr(time, "time", lambda: math.inf)
    assert bucket.take(1) > 1000
