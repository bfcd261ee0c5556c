"""The real path on a small simulated shop: tables, state, vectors, model, score."""

from dataclasses import replace

import pandas as pd
import pytest

from features.abuse import SIGNALS
from features.abuse_online import state_items
from features.abuse_space import AbuseSpace
from features.order_records import order_items
from features.questions import ClaimQuestion
from features.state import SqliteState, StateError
from pipelines.fit_abuse import fit_abuse
from pipelines.simulate import simulate
from serving.abuse_score import load_abuse_scorer
from serving.advisor import ModelLabel

LABEL = ModelLabel("abuse", "1")


@pytest.fixture(scope="module")
def shop():
    return simulate(5000, seed=12)


@pytest.fixture(scope="module")
def place(shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("abuse-champion")
    space, model, _ = fit_abuse(shop.tables, params={"n_estimators": 20, "num_threads": 1})
    model.save(folder)
    space.save(folder)
    fill(folder / "state.db", space, shop.tables)
    return folder


def fill(path, space, tables):
    with SqliteState(path) as state:
        meta = {"space.abuse": space.fingerprint, "version.abuse": "1"}
        state.replace([*state_items(space, tables), *order_items(tables)], meta)


@pytest.fixture
def real(settings, place):
    return settings.model_copy(update={"state_url": str(place / "state.db")})


@pytest.fixture
def scorer(real, place):
    return load_abuse_scorer(place, LABEL, real)


def questions(tables, rows):
    return [
        ClaimQuestion(
            order_line_id=row.order_line_id,
            customer_id=None,
            reason=row.reason,
            requested_at=row.requested_at.timestamp(),
            quantity=row.quantity,
            return_id=row.return_id,
        )
        for row in rows.itertuples()
    ]


@pytest.fixture
def recent(shop):
    return shop.tables["returns"].sort_values("requested_at").tail(200)


def test_a_batch_is_scored_as_each_claim_alone(scorer, shop, recent):
    asked = questions(shop.tables, recent.head(15))
    for question, together in zip(asked, scorer.score(asked), strict=True):
        (alone,) = scorer.score([question])
        assert alone.score == pytest.approx(together.score, rel=1e-9)
        assert (alone.signals, alone.evidence) == (together.signals, together.evidence)
    assert scorer.score([]) == []
    assert scorer.label() == LABEL


def test_abusive_claims_score_above_honest_ones(scorer, shop, recent):
    truth = shop.truth["lines_truth"].set_index("order_line_id")["is_abuse"]
    scores = pd.Series([each.score for each in scorer.score(questions(shop.tables, recent))])
    abused = truth.reindex(recent["order_line_id"]).to_numpy(dtype=bool)
    assert abused.sum() > 3
    assert scores.between(0, 1).all()
    assert scores[abused].median() > 3 * scores[~abused].median()


def test_signals_carry_the_accounts_own_figures(scorer, shop, recent):
    answers = scorer.score(questions(shop.tables, recent))
    told = [signal for answer in answers for signal in answer.signals]
    assert {signal.code for signal in told} <= set(SIGNALS)
    assert len({signal.code for signal in told}) >= 5
    for answer in answers:
        weights = [signal.weight for signal in answer.signals]
        assert weights == sorted(weights, reverse=True)
        assert answer.evidence["order_known"] == 1
        for signal in answer.signals:
            assert signal.figures
            if "expected" in signal.figures:
                assert signal.figures["observed"] > signal.figures["expected"] >= 0


def test_claims_are_counted_as_the_tables_count_them(scorer, shop, recent):
    returns = shop.tables["returns"].merge(shop.tables["order_lines"], on="order_line_id")
    row = recent.iloc[-1]
    who = returns.loc[returns["return_id"] == row["return_id"], "customer_id"].item()
    mine = returns[returns["customer_id"] == who]
    (answer,) = scorer.score(questions(shop.tables, recent.tail(1)))
    assert answer.evidence["claims"] == (mine["requested_at"] <= row["requested_at"]).sum()


def test_what_an_inspection_found_raises_the_score(scorer, shop, recent):
    asked = [replace(each, reason="too_small") for each in questions(shop.tables, recent.head(60))]
    fine = scorer.score([replace(each, condition="as_new") for each in asked])
    empty = scorer.score([replace(each, condition="empty") for each in asked])
    assert all(e.score >= f.score for e, f in zip(empty, fine, strict=True))
    honest = [(e.score, f.score) for e, f in zip(empty, fine, strict=True) if f.score < 0.3]
    assert len(honest) > 20
    assert sum(e for e, _ in honest) > 1.5 * sum(f for _, f in honest)
    assert all("swapped_returns" in {s.code for s in e.signals} for e in empty)


def test_an_unknown_line_of_a_stranger_is_scored_and_said_to_be_unknown(scorer):
    (answer,) = scorer.score(
        [ClaimQuestion(order_line_id="x", customer_id="y", reason="other", requested_at=1.8e9)]
    )
    assert 0 <= answer.score < 0.5
    assert answer.evidence["order_known"] == answer.evidence["deliveries"] == 0


def test_a_state_of_another_space_is_refused_until_it_fits(settings, place, tmp_path):
    space = AbuseSpace.load(place)
    other = replace(space, base_=space.base_ * 0.9)
    path = tmp_path / "state.db"
    real = settings.model_copy(update={"state_url": str(path)})

    def filled_for(one, version):
        with SqliteState(path) as state:
            meta = {"space.abuse": one.fingerprint, "version.abuse": version}
            state.replace([("abuse", b"")], meta)

    filled_for(other, "2")
    with pytest.raises(StateError, match=r"filled for version 2 of abuse.*version 1 of abuse"):
        load_abuse_scorer(place, LABEL, real)
    filled_for(space, "1")
    scorer = load_abuse_scorer(place, LABEL, real)
    asked = [ClaimQuestion(order_line_id="x", customer_id=None, reason="other", requested_at=1e9)]
    before = scorer.score(asked)
    filled_for(other, "2")
    with pytest.raises(StateError, match=r"filled for version 2 of abuse"):
        scorer.score(asked)
    filled_for(space, "1")
    assert scorer.score(asked) == before


def test_a_missing_state_is_refused_with_the_command(settings, place):
    with pytest.raises(StateError, match="muslin materialize"):
        load_abuse_scorer(place, LABEL, settings)
