import numpy as np
import pandas as pd
import pytest

from pipelines.jobs import job_of
from pipelines.monitor.figures import Estimate, figures
from pipelines.monitor.groups import ALL, Groups
from pipelines.monitor.judge import judge_advice, judge_figures, verdict_of
from pipelines.monitor.limits import Limits
from pipelines.monitor.observe import judged_groups
from pipelines.monitor.population import GroupAdvice, Population

LIMITS = Limits().of("return_risk")
MARKETS = ["DE", "US", "FR", "GB", "ES", "VA"]


def lines(n=12_000, seed=0):
    rng = np.random.default_rng(seed)
    chance = rng.beta(2, 6, n)
    back = (rng.random(n) < chance).astype(np.int64)
    market = rng.choice(MARKETS, n, p=[0.3, 0.3, 0.2, 0.1, 0.095, 0.005])
    of = pd.DataFrame({"market": market})
    return back, chance, Groups(of, rng.integers(0, n // 2, n))


def judged(y, chance, groups):
    return judged_groups(job_of("return_risk"), groups, y, np.column_stack([1 - chance, chance]))


def trained_on(found, **more):
    return Population(
        model="return_risk",
        first=0,
        last=1,
        rows=1,
        customers=1,
        features={},
        figures=found,
        **more,
    )


def crossed(checks):
    return {(c.limit_name, c.where.group) for c in checks if c.verdict == "crossed"}


def test_a_model_that_is_right_crosses_nothing():
    for seed in range(8):
        found = judged(*lines(seed=seed))
        checks = judge_figures(found, trained_on(judged(*lines(seed=99))), LIMITS)
        assert not crossed(checks), seed
        assert verdict_of(checks) == "fine"


@pytest.mark.parametrize("market", ["DE", "FR", "ES"])
def test_a_planted_miscalibration_is_found_in_its_market(market):
    y, chance, groups = lines()
    there = groups.of["market"].eq(market).to_numpy()
    wrong = np.where(there, np.clip(chance + 0.15, 0, 1), chance)
    checks = judge_figures(judged(y, wrong, groups), None, LIMITS)
    assert {place for limit, place in crossed(checks) if limit == "calibration.group_gap"} == {
        market
    }


def test_a_ranking_that_is_lost_in_a_market_is_found_there():
    y, chance, groups = lines()
    then = trained_on(judged(y, chance, groups))
    there = groups.of["market"].eq("US").to_numpy()
    blind = chance.copy()
    blind[there] = np.random.default_rng(1).permutation(chance[there])
    found = crossed(judge_figures(judged(y, blind, groups), then, LIMITS))
    assert ("discrimination.group_auc_drop", "US") in found
    assert not {place for _, place in found} - {"US", "all"}


def test_small_groups_are_shown_and_not_judged():
    y, chance, groups = lines()
    there = groups.of["market"].eq("VA").to_numpy()
    checks = judge_figures(judged(y, np.where(there, 0.99, chance), groups), None, LIMITS)
    (small,) = [c for c in checks if c.where.group == "VA"]
    assert small.verdict == "not_judged"
    assert "fewer than 200" in small.why
    rare = judged(
        np.zeros(500, int),
        np.full(500, 0.01),
        Groups(pd.DataFrame(index=range(500)), np.arange(500)),
    )
    assert "0 lines of the rarer outcome" in judge_figures(rare, None, LIMITS)[0].why


def test_spread_is_held_against_that_in_training():
    y, chance, groups = lines(seed=3)
    extreme = chance**2 / (chance**2 + (1 - chance) ** 2)
    right, wrong = judged(y, chance, groups), judged(y, extreme, groups)
    names = {name for name, _ in crossed(judge_figures(wrong, trained_on(right), LIMITS))}
    assert "calibration.least_slope" in names
    names = {name for name, _ in crossed(judge_figures(wrong, trained_on(wrong), LIMITS))}
    assert "calibration.least_slope" not in names


def test_of_claims_that_look_bad_only_overstated_abuse_is_wrong():
    y, chance, groups = lines()
    low, high = judged(y, chance * 0.5, groups), judged(y, np.clip(chance + 0.1, 0, 1), groups)
    assert not crossed(judge_figures(low, None, LIMITS, selected=True))
    assert crossed(judge_figures(high, None, LIMITS, selected=True)) == {("calibration.gap", "all")}


def advice(advised, covered, lines=2000):
    return GroupAdvice(lines, Estimate(advised, 0.01), 1000, Estimate(covered, 0.01))


def test_size_sets_that_hold_less_than_promised_are_found():
    then = trained_on({}, advice={ALL: advice(0.5, 0.9)}, coverage=0.9)
    assert not crossed(judge_advice({ALL: advice(0.5, 0.88)}, then, LIMITS))
    assert crossed(judge_advice({ALL: advice(0.5, 0.8)}, then, LIMITS)) == {
        ("advice.coverage_short", "all")
    }


def test_a_group_that_gets_no_advice_any_more_is_found():
    group = ("market", "DE")
    then = trained_on({}, advice={ALL: advice(0.5, 0.9), group: advice(0.5, 0.9)}, coverage=0.9)
    now = {ALL: advice(0.45, 0.9), group: advice(0.1, 0.9), ("market", "VA"): advice(0.1, 0.9, 50)}
    checks = judge_advice(now, then, LIMITS)
    assert crossed(checks) == {("advice.group_advised_change", "DE")}
    assert [c.where.group for c in checks if c.verdict == "not_judged"] == ["VA"]


def test_figures_of_one_customer_prove_nothing():
    rng = np.random.default_rng(0)
    y = rng.random(400) < 0.4
    found = {"returned": {ALL: figures(y, np.full(400, 0.1), rng.integers(0, 5, 400))}}
    (check,) = judge_figures(found, None, LIMITS)
    assert "5 customers, fewer than 30" in check.why
