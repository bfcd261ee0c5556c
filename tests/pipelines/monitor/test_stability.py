import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.monitor.stability import holm, stability

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)


def draws(n, m, bins=10, times=400, seed=0):
    rng = np.random.default_rng(seed)
    same = np.full(bins, 1 / bins)
    return [stability(rng.multinomial(n, same), rng.multinomial(m, same)) for _ in range(times)]


@pytest.mark.parametrize(("n", "m"), [(200, 200), (5000, 250), (20_000, 20_000)])
def test_without_a_change_the_index_is_what_the_sample_size_explains(n, m):
    found = draws(n, m)
    mean = np.mean([each.psi for each in found])
    assert mean == pytest.approx(found[0].expected, rel=0.15)
    assert found[0].expected == pytest.approx(9 * (1 / n + 1 / m))


@pytest.mark.parametrize(("n", "m"), [(200, 200), (5000, 250)])
def test_without_a_change_chance_explains_it(n, m):
    p = np.array([each.p for each in draws(n, m, times=1000)])
    assert (p < 0.05).mean() < 0.09
    assert (p < 0.001).mean() < 0.01


@given(COUNTS)
def test_the_same_counts_have_no_index(counts):
    told = np.array(counts)
    assert stability(told, told).psi == pytest.approx(0.0, abs=1e-12)


@given(
    st.integers(2, 12).flatmap(
        lambda k: st.tuples(*[st.lists(st.integers(0, 500), min_size=k, max_size=k)] * 2)
    )
)
def test_the_index_is_finite_and_does_not_care_which_came_first(counts):
    one, other = (np.array(each) for each in counts)
    found, turned = stability(one, other), stability(other, one)
    assert np.isfinite(found.psi)
    assert found.psi >= -1e-12
    assert found.psi == pytest.approx(turned.psi)
    assert 0.0 <= found.p <= 1.0


def test_lines_of_few_customers_prove_less():
    before, now = np.array([500, 500]), np.array([600, 400])
    alone, together = stability(before, now), stability(before, now, 100.0, 100.0)
    assert alone.psi == pytest.approx(together.psi, rel=0.05)
    assert alone.p < 0.001 < 0.1 < together.p
    assert together.expected > alone.expected


def test_a_moved_population_is_beyond_chance():
    found = stability(np.array([500, 300, 200, 0]), np.array([200, 300, 300, 200]))
    assert found.excess > 0.25
    assert found.p < 1e-6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_correcting_for_many_looks_keeps_the_order_and_only_raises(p):
    corrected = holm(p)
    order = np.argsort(p, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()
    assert (corrected >= np.array(p)).all()
    assert (corrected <= 1.0).all()
    assert corrected.min() == pytest.approx(min(1.0, len(p) * min(p)))
