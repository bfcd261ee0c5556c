"""What accounts of two people gain from the advice when nobody names the wearer.

The aim is four fifths: naming no wearer, the advice for two people should lose at most a fifth of
what it gains where each has an account alone. It is not met; docs/accuracy.md says what is
measured. The same lines are judged both ways, so that the luck of the draw is in both: the share is
0.73 on this shop (0.75 and 0.68 on those of two other seeds), and 0.61 without telling two people
on one scale apart.
"""

import pytest

from tests.benchmarks.bench_people import gain
from tests.benchmarks.shops import case, one_account_each, predicted, unnamed

LEAST = 300
"""Lines from which a gain says anything."""


@pytest.mark.timeout(900)  # two models are trained on 20,000 lines
def test_who_names_no_wearer_of_two_keeps_two_thirds_of_what_each_alone_would_gain():
    shop = case("usual", 22_000, 7)
    together, alone = predicted(unnamed(shop)), predicted(one_account_each(shop))
    assert together["named"].isna().all()
    two = together.index[(together["persons"] == 2) & ~together["second_size"]]
    lines = two.intersection(alone.index)
    assert len(lines) >= LEAST
    both, each = gain(together.loc[lines])[0], gain(alone.loc[lines])[0]
    assert each > 0
    assert both >= each * 2 / 3, f"{both:.3f} of two people, {each:.3f} of each alone"
