from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import BadInputError
from features.audit import Outcome, Review, SqliteAudit
from features.settings import Settings
from pipelines.jobs.abuse import JOB
from pipelines.outcomes import abuse_decisions
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def tables():
    return simulate(5000, seed=5).tables


@pytest.fixture(scope="module")
def folds(tables):
    return JOB.folds(tables, 2)


@pytest.fixture(scope="module")
def prepared(folds):
    return [JOB.prepare(fold) for fold in folds]


def test_a_model_s_own_decision_is_no_outcome(tables):
    labels = tables["abuse_labels"]
    own = {**tables, "abuse_labels": labels.assign(decided_by="model")}
    assert len(abuse_decisions(tables)) == len(labels)
    assert abuse_decisions(own).empty
    assert abuse_decisions({"returns": tables["returns"]}).empty


def test_folds_learn_only_decisions_made_before_they_begin(folds, prepared, tables):
    decided = abuse_decisions(tables)
    for fold, vectors in zip(folds, prepared, strict=True):
        learnt = vectors.learn
        taught = learnt.ids[learnt.y >= 0]
        assert len(taught)
        assert (decided["decided_at"].reindex(taught) < fold.start).all()
        assert learnt.at.max() < fold.start.value // 1000
        assert not set(fold.outcomes.index) & set(learnt.ids)
        assert (fold.outcomes["requested_at"] >= fold.start).all()


def test_every_claim_of_a_fold_is_scored_and_the_judged_are_known(folds, prepared, tables):
    for fold, vectors in zip(folds, prepared, strict=True):
        asked = tables["returns"]["requested_at"]
        assert len(vectors.X) == ((asked >= fold.start) & (asked < fold.end)).sum()
        assert (vectors.y >= 0).sum() == len(fold.outcomes)
        judged = JOB.judge_fold(vectors, {"n_estimators": 5, "members": 1, "num_threads": 1})
        assert judged.metrics["lines"] == len(fold.outcomes)
        assert judged.metrics["claims"] == len(vectors.X)


def test_a_claim_of_a_fold_knows_no_decision_made_after_it(folds, prepared):
    """Turning every decision made since the fold began changes no claim made before the first."""
    fold, before = folds[0], prepared[0]
    labels = fold.live["abuse_labels"]
    late = labels["decided_at"] >= fold.start
    turned = labels["label"].map({"abuse": "legitimate", "legitimate": "abuse"}).astype("str")
    changed = labels.assign(label=labels["label"].mask(late, turned))
    after = JOB.prepare(replace(fold, live={**fold.live, "abuse_labels": changed}))
    early = before.at <= labels.loc[late, "decided_at"].min().value // 1000
    assert early.any()
    assert (before.X[~early] != after.X[~early]).any()
    np.testing.assert_allclose(before.X[early], after.X[early], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(before.learn.X, after.learn.X, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(before.y, after.y)


def test_a_shop_where_few_claims_were_judged_is_told_how_many_there_must_be(tables):
    few = {**tables, "abuse_labels": tables["abuse_labels"].head(12)}
    with pytest.raises(BadInputError, match=r"12 judged claims are too few .* at least 40"):
        JOB.folds(few, 3)
    none = {name: table for name, table in tables.items() if name != "returns"}
    with pytest.raises(BadInputError, match="the table returns has none"):
        JOB.check(none)
    with pytest.raises(BadInputError, match="besides those of the"):
        JOB.check(tables, tables["order_lines"]["order_line_id"].tolist())


def test_limits_widen_with_fewer_judged_claims():
    def limits(lines):
        figures = {"lines": lines, "observed_judged": 0.5, "claims": 1e6, "observed_found": 0.01}
        return [limit.most for limit in JOB.limits(figures)]

    assert limits(100.0)[0] == pytest.approx(0.12)
    assert limits(10_000.0)[0] == pytest.approx(0.03)
    assert limits(100.0)[1] == pytest.approx(0.0202, abs=1e-4)
    assert JOB.limits({"lines": 0.0}) == ()


def test_what_reviewers_decided_is_learned_with_the_shop_s_own_labels(tables, tmp_path):
    settings = Settings.load(audit_url=str(tmp_path / "audit.db"))
    assert JOB.enrich(tables, settings) == (tables, None)
    judged = set(tables["abuse_labels"]["return_id"])
    claims = tables["returns"].merge(tables["order_lines"], on="order_line_id")
    claim = claims[~claims["return_id"].isin(judged)].iloc[0]
    at = claim["requested_at"].timestamp()
    with SqliteAudit(settings.audit_url) as audit:
        audit.append_review(
            Review(
                audit_id="a1",
                at=at + 60,
                customer_id=claim["customer_id"],
                order_line_id=claim["order_line_id"],
                return_id=claim["return_id"],
                requested_at=at,
                route="review",
                recommended=None,
            )
        )
        audit.append_outcome(
            Outcome(audit_id="a1", at=at + 120, decided_by="d", decision="refund", label="abuse")
        )
    more, note = JOB.enrich(tables, settings)
    assert len(abuse_decisions(more)) == len(judged) + 1
    assert abuse_decisions(more).loc[claim["return_id"], "y"] == 1
    assert "1 taken as labels" in note


def test_a_back_test_scores_claims_and_judges_the_decided(tables):
    decided = abuse_decisions(tables)
    lines = tables["returns"].set_index("return_id")["order_line_id"]
    hold_out = lines.reindex(decided.index[-20:]).tolist()
    kept = tables["order_lines"]["order_line_id"]
    hold_out += kept[~kept.isin(lines)].head(5).tolist()
    hold_out = list(dict.fromkeys(hold_out))
    claims = tables["returns"][tables["returns"]["order_line_id"].isin(hold_out)]
    predicted = JOB.backtest(tables, hold_out, claims=claims)
    assert predicted["order_line_id"].tolist() == hold_out
    assert predicted["abuse_score"].between(0, 1).all()
    figures = JOB.score(tables, predicted)["judged claims"]
    assert figures["lines"] == len(hold_out) - 5
    assert (
        JOB.score(
            {**tables, "abuse_labels": pd.DataFrame(tables["abuse_labels"].head(0))}, predicted
        )
        == {}
    )
