import numpy as np
import pandas as pd
import pytest

from pipelines.monitor.drift import judge_drift
from pipelines.monitor.groups import Groups
from pipelines.monitor.limits import Limits
from pipelines.monitor.observe import _features, quarters
from pipelines.monitor.population import Population
from pipelines.monitor.subjects import Asked

NAMES = tuple(f"x{i}" for i in range(60))
LIMITS = Limits().of("return_risk")


def asked(n, seed, names=NAMES, per_customer=3):
    """Questions of customers whose figures stay the same in all their lines."""
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(n // per_customer + 1, len(names)))
    people[:, 1] = people[:, 1] > 0.5
    people[rng.random(len(people)) < 0.2, 2] = np.nan
    customer = np.sort(rng.integers(0, len(people), n))
    ids = np.arange(n).astype(object)
    at = rng.permutation(n).astype(np.int64)
    at += seed * 10_000_000
    found = Asked(names, people[customer], np.zeros(n, int), at, ids, ids, np.arange(n), {}, None)
    return found, Groups(pd.DataFrame(index=range(n)), customer)


def fingerprint(questions, groups):
    newest, before = quarters(questions.at)
    return Population(
        model="return_risk",
        first=0,
        last=int(questions.at.max()),
        rows=len(newest),
        customers=len(np.unique(groups.customer[newest])),
        features=_features(questions, groups, newest, before),
        figures={},
    )


@pytest.fixture(scope="module")
def trained():
    return fingerprint(*asked(8000, 0))


def beyond(features):
    return {each.name for each in features if each.verdict == "crossed"}


def test_the_same_population_is_never_beyond_its_limits(trained):
    for seed in range(1, 21):
        features, (check,) = judge_drift(*asked(400 + 100 * seed, seed), trained, LIMITS)
        assert not beyond(features), seed
        assert check.verdict == "fine"
        assert max(each.psi - each.expected for each in features) < 0.2


@pytest.mark.parametrize("column", [0, 1, 2, 31])
def test_a_planted_shift_is_found_and_only_there(trained, column):
    new, groups = asked(1500, 5)
    new.X[:, column] = 1.0 if column == 1 else new.X[:, column] + 1.0
    features, (check,) = judge_drift(new, groups, trained, LIMITS)
    assert beyond(features) == {NAMES[column]}
    assert features[0].name == NAMES[column], "what moved most stands first"
    assert check.verdict == "crossed"
    assert check.value == 1.0
    assert check.why == NAMES[column]


def test_values_that_go_missing_are_a_shift(trained):
    new, groups = asked(1500, 5)
    new.X[np.arange(1500) % 2 == 0, 7] = np.nan
    features, _ = judge_drift(new, groups, trained, LIMITS)
    assert beyond(features) == {"x7"}
    assert features[0].moved.startswith("missing: 0.0% then, 50.0% now")


def test_many_lines_of_a_few_customers_are_no_shift(trained):
    """Forty people, fifty lines each: their figures differ from the shop's by chance."""
    few, groups = asked(2000, 9, per_customer=50)
    features, _ = judge_drift(few, groups, trained, LIMITS)
    assert len(np.unique(groups.customer)) < 45
    assert max(each.psi for each in features) > LIMITS.drift.psi
    assert max(each.psi - each.expected for each in features) > LIMITS.drift.psi
    assert not beyond(features)


def test_a_feature_that_wandered_in_training_may_wander_on():
    questions, groups = asked(8000, 0)
    days = questions.at / 8000.0
    questions.X[:, 3] = np.floor(days * 40) % 7
    trained = fingerprint(questions, groups)
    assert trained.features["x3"].usual > 0.2
    assert trained.features["x4"].usual < 0.05
    new, theirs = asked(1500, 5)
    new.X[:, 3] = 3.0
    strict = trained.features["x3"].usual
    features, _ = judge_drift(new, theirs, trained, LIMITS)
    (kept,) = [each for each in features if each.name == "x3"]
    assert kept.limit == pytest.approx(max(LIMITS.drift.psi, 2 * strict))


def test_the_calendar_is_shown_and_not_judged(trained):
    new, groups = asked(1500, 5)
    new.X[:, 4] += 3
    features, (check,) = judge_drift(new, groups, trained, LIMITS, unjudged={"x4"})
    assert features[-1].name == "x4"
    assert features[-1].verdict == "not_judged"
    assert features[-1].psi > 1
    assert check.verdict == "fine"


def test_few_questions_are_not_judged(trained):
    features, (check,) = judge_drift(*asked(150, 5), trained, LIMITS)
    assert {each.verdict for each in features} == {"not_judged"}
    assert check.verdict == "not_judged"
    assert check.why.startswith("150 questions of ")


def test_some_features_may_be_let_go(trained):
    new, groups = asked(1500, 5)
    new.X[:, 4] += 3
    limits = Limits({"drift": {"features": 1}}).of("abuse")
    assert judge_drift(new, groups, trained, limits)[1][0].verdict == "fine"
    off = Limits({"drift": {"psi": None}}).of("abuse")
    features, (check,) = judge_drift(new, groups, trained, off)
    assert check.verdict == "not_judged"
    assert all(each.limit is None for each in features)
