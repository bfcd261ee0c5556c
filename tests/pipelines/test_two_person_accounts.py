"""What accounts of two people gain from the advice when nobody names the wearer.

The aim is four fifths: with two people on the account the advice should lose at most a fifth of
what it gains an account of one. Over large shops it is not met: docs/accuracy.md says what is
measured, 0.64 of one person's gain. This shop gives 0.80 (one of 40,000 lines 0.74), and half is
held because of sampling error: some 750 lines of two-person accounts tell that share give or take
0.2, so that a bar nearer to what is measured would break by chance at any change.
"""

import pytest

from tests.benchmarks.bench_people import gain
from tests.benchmarks.shops import case, predicted, unnamed

LEAST = 300
"""Lines of a group from which its gain says anything."""


@pytest.fixture(scope="module")
def rows():
    """Held-out lines of a shop where nobody names the wearer, with the advice beside the truth."""
    out = predicted(unnamed(case("usual", 22_000, 7)))
    return out[~out["second_size"]]


@pytest.mark.timeout(900)  # a model is trained on 20,000 lines
def test_who_names_no_wearer_of_two_keeps_half_of_what_one_person_gains(rows):
    one, two = rows[rows["persons"] == 1], rows[rows["persons"] == 2]
    assert min(len(one), len(two)) >= LEAST
    assert rows["named"].isna().all()
    single, _ = gain(one)
    both, _ = gain(two)
    assert single > 0
    assert both > 0
    assert both >= single / 2, f"{both:.3f} of two people, {single:.3f} of one"
