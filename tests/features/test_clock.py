import time

import pytest

from features.clock import ForwardClock, elapsed


class Clocks:
    """A wall clock that can be set, and one that nobody sets."""

    def __init__(self):
        self.wall, self.run = 1_700_000_000.0, 50.0

    def pass_(self, seconds):
        self.wall += seconds
        self.run += seconds


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def clock(clocks):
    return ForwardClock(lambda: clocks.wall, lambda: clocks.run)


def test_it_is_the_wall_clock_as_long_as_that_goes_on(clock, clocks):
    clocks.pass_(10)
    assert clock() == 1_700_000_010
    clocks.wall += 3  # a step of NTP
    assert clock() == 1_700_000_013


@pytest.mark.parametrize("back", [2, 3_600, 86_400 * 365])
def test_set_back_it_goes_on_with_what_has_elapsed(clock, clocks, back):
    clocks.pass_(10)
    clocks.wall -= back
    assert clock() == 1_700_000_010
    clocks.pass_(5)
    assert clock() == 1_700_000_015
    clocks.wall += back
    assert clock() == 1_700_000_015


def test_an_hour_ahead_is_left_when_it_is_put_right(clock, clocks):
    clocks.wall += 3_600
    assert clock() == 1_700_003_600
    clocks.wall -= 3_600
    assert clock() == 1_700_000_000


def test_what_elapsed_grows_whatever_the_wall_clock_says(monkeypatch):
    first = elapsed()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    time.sleep(0.01)
    assert elapsed() > first
