"""The real path on a small simulated shop: tables, state, vectors, model, advice."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from answering import use_sizes
from asgi import ask

from features.questions import SizeQuestion
from features.size_fit import VECTOR
from features.size_fit_space import SizeFitSpace
from features.state import StateError
from models.size_fit.decision import Verdict
from pipelines.fit_size import fit_size_fit
from pipelines.materialize import materialize
from pipelines.simulate import simulate
from serving.advisor import ModelLabel
from serving.app import MuslinApp
from serving.measures import Measurements
from serving.schemas import SizeAdviceResponse
from serving.size_advice import load_advisor, next_size_up

LABEL = ModelLabel("size_fit", "1")
FIGURES = ("height_cm", "weight_kg", "chest_cm", "waist_cm", "hip_cm")


@pytest.fixture(scope="module")
def tables():
    return simulate(3000, seed=11).tables


@pytest.fixture(scope="module")
def place(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("champion")
    params = {"n_estimators": 8, "members": 1, "min_child_samples": 20, "num_threads": 1}
    space, model, _ = fit_size_fit(tables, params=params)
    model.save(folder)
    space.save(folder)
    materialize(tables, {"size_fit": (space, LABEL.version)}, folder / "state.db")
    return folder


@pytest.fixture
def real(settings, place):
    return settings.model_copy(update={"state_url": str(place / "state.db")})


@pytest.fixture
def advisor(real, place):
    return load_advisor(place, LABEL, real)


@pytest.fixture
def real_app(real, advisor):
    app = MuslinApp(real)
    use_sizes(app, advisor)
    return app


@pytest.fixture
def now(tables):
    return tables["order_lines"]["ordered_at"].max().timestamp() + 86_400.0


def questions_of(tables, now, count=60):
    lines = tables["order_lines"].sample(count, random_state=3)
    return [
        SizeQuestion(
            product_id=line.product_id,
            asked_at=now,
            customer_id=line.customer_id,
            market=line.market,
            measurements={"height_cm": 170.0, "weight_kg": 65.0} if place % 2 else {},
        )
        for place, line in enumerate(lines.itertuples())
    ]


def test_a_batch_is_answered_as_each_question_alone(advisor, tables, now):
    questions = questions_of(tables, now)
    together = advisor.advise(advisor.look_up(questions))
    for question, answer in zip(questions, together, strict=True):
        (alone,) = advisor.advise(advisor.look_up([question]))
        assert alone.status == answer.status
        assert alone.size_set == answer.size_set
        assert alone.because == answer.because
        for one, other in zip(alone.sizes, answer.sizes, strict=True):
            assert one.label == other.label
            assert one.p_fit == pytest.approx(other.p_fit, abs=1e-9)


def test_shares_are_chances_and_move_one_way_over_the_sizes(advisor, tables, now):
    several = 0
    for answer in advisor.advise(advisor.look_up(questions_of(tables, now))):
        shares = np.array([[s.p_small, s.p_fit, s.p_large] for s in answer.sizes]).reshape(-1, 3)
        assert ((shares >= 0) & (shares <= 1)).all()
        assert shares.sum(axis=1) == pytest.approx(1)
        assert (np.diff(shares[:, 0]) <= 1e-9).all()
        assert (np.diff(shares[:, 2]) >= -1e-9).all()
        several += len(shares) > 1
        if answer.recommended is not None:
            assert answer.recommended in [size.label for size in answer.sizes]
    assert several > 20


def test_every_product_is_answered_over_http_in_the_schema(real_app, tables):
    for product_id in tables["products"]["product_id"]:
        for measurements in ({}, {"height_cm": 168, "weight_kg": 61.5}):
            body = {"product_id": product_id, "measurements": measurements}
            answer = ask(real_app, body=body)
            assert answer.status == 200, answer.body
            read = SizeAdviceResponse.model_validate_json(answer.body, strict=True)
            if read.ask_next is not None:
                assert read.ask_next.field in Measurements.model_fields
                assert read.ask_next.field not in measurements


def test_every_product_s_sizes_have_a_name_in_the_market_s_system(real_app, tables):
    products = tables["products"]
    named = charts = 0
    for product in products[products["size_system"].ne("ONE")].itertuples():
        answer = ask(real_app, body={"product_id": product.product_id, "market": "US"}).json
        charts += answer["chart"] in ("published", "estimated")
        for size in answer["sizes"]:
            for system, matches in size["conversions"].items():
                assert (size["labels"][system] is None) == (not matches)
                if matches:
                    assert sum(each["share"] for each in matches) == pytest.approx(1)
        named += bool(answer["sizes"]) and all(
            any(text is not None for text in size["labels"].values()) for size in answer["sizes"]
        )
    assert named > 0.9 * products["size_system"].ne("ONE").sum()
    assert charts > 0.9 * products["size_system"].ne("ONE").sum()


def next_sizes_of(advisor, tables, now, **told):
    """For every baby's product: the size a 68 cm tall child wears, and what is told of the next."""
    products = tables["products"]
    for product_id in products[products["audience"] == "baby"]["product_id"]:
        question = SizeQuestion(product_id=product_id, asked_at=now, measurements=told)
        (known,) = advisor.look_up([question])
        product = known.state.product
        for label, body in zip(product.labels[:-1], product.bodies, strict=False):
            low, high = body.get("height_cm", (0.0, 0.0))
            if low < 68.0 < high - 1.0:
                yield product.labels, label, next_size_up(known.state, product, label, now)


def test_a_baby_s_next_size_is_the_one_after_and_has_its_day(advisor, tables, now):
    told = {"age_years": 0.4, "height_cm": 67.0, "sex": "female"}
    found = 0
    for labels, label, due in next_sizes_of(advisor, tables, now, **told):
        if due is not None:
            found += 1
            assert labels.index(due.label) == labels.index(label) + 1
            assert due.after == label
            asked = pd.Timestamp(now, unit="s").date()
            assert (due.on - asked).days == 7 * due.in_weeks > 0
    assert found > 3


def test_without_an_age_nothing_is_said_of_the_next_size(advisor, tables, now):
    several = list(next_sizes_of(advisor, tables, now, height_cm=67.0))
    assert several
    assert all(due is None for _, _, due in several)


def test_only_a_child_has_a_next_size(advisor, tables, now):
    questions = questions_of(tables, now)
    grown = tables["products"].set_index("product_id")["audience"].isin(["women", "men"])
    answers = advisor.advise(advisor.look_up(questions))
    for question, answer in zip(questions, answers, strict=True):
        if grown[question.product_id]:
            assert answer.next_size is None


def baby_clothes(tables):
    products = tables["products"].set_index("product_id")
    rows = tables["product_sizes"]["product_id"].map(products["size_system"]).eq("BABY_CM")
    return tables["product_sizes"].loc[rows, "product_id"].unique()


def test_the_next_size_follows_the_likeliest_where_none_is_named_and_none_where_none_fits(
    advisor, tables, now, monkeypatch
):
    advise = advisor._model.advise
    told = {"age_years": 0.4, "height_cm": 67.0, "sex": "female"}
    asked = [
        SizeQuestion(product_id=product_id, asked_at=now, measurements=told)
        for product_id in baby_clothes(tables)
    ]
    known = advisor.look_up(asked)
    after = {}
    for status in ("not_enough_information", "no_good_size"):
        monkeypatch.setattr(
            advisor._model,
            "advise",
            lambda rows, status=status: [
                replace(each, verdict=Verdict(status)) for each in advise(rows)
            ],
        )
        after[status] = [answer.next_size for answer in advisor.advise(known)]
    assert not any(after["no_good_size"])
    assert any(after["not_enough_information"])
    for each, due in zip(known, after["not_enough_information"], strict=True):
        if due is not None:
            labels = each.product.labels
            assert labels.index(due.label) == labels.index(due.after) + 1


def codes_of(advisor, question):
    (answer,) = advisor.advise(advisor.look_up([question]))
    return {because.code for because in answer.because}


def test_measurements_are_a_reason_only_where_there_are_some(advisor, tables, now):
    seen = set()
    for product_id in baby_clothes(tables):
        by_age = {"age_years": 0.75, "sex": "female"}
        of_age = codes_of(
            advisor, SizeQuestion(product_id=product_id, asked_at=now, measurements=by_age)
        )
        by_height = {**by_age, "height_cm": 70.0}
        of_height = codes_of(
            advisor, SizeQuestion(product_id=product_id, asked_at=now, measurements=by_height)
        )
        assert "measurements" not in of_age
        assert "age" not in of_height
        assert not {"market_average", "other_body"} & (of_age | of_height)
        seen |= of_age | of_height
    assert {"age", "measurements"} <= seen


@pytest.mark.parametrize(
    ("audience", "told"),
    [
        ("baby", {"height_cm": 181.0, "chest_cm": 100.0}),
        ("women", {"height_cm": 92.0}),
        ("women", {"sex": "male", "height_cm": 180.0, "cup": "b"}),
    ],
)
def test_figures_of_another_body_are_not_called_unknown(advisor, tables, now, audience, told):
    products = tables["products"]
    sized = products["audience"].eq(audience) & products["size_system"].ne("ONE")
    for product_id in products[sized]["product_id"].head(10):
        question = SizeQuestion(product_id=product_id, asked_at=now, measurements=told)
        codes = codes_of(advisor, question)
        assert "other_body" in codes
        assert not {"measurements", "age", "market_average"} & codes
        silent = codes_of(advisor, replace(question, measurements={}))
        assert "other_body" not in silent
        assert "market_average" in silent


def test_a_child_that_is_expected_is_given_the_newborn_s_size(advisor, tables, now):
    """The size of its age is that of birth, however far ahead it is due."""
    position = VECTOR.index("position")
    checked = 0
    for product_id in baby_clothes(tables):
        due = [
            SizeQuestion(
                product_id=product_id,
                asked_at=now,
                measurements={"age_years": -days / 365.25, "sex": "female"},
            )
            for days in (130, 200, 280)
        ]
        known = advisor.look_up(due)
        places = np.array([each.state.X[:, position] for each in known])
        np.testing.assert_allclose(places, places[:1].repeat(3, axis=0))
        labels = known[0].product.labels
        tall = [body.get("height_cm", (0.0, np.inf)) for body in known[0].product.bodies]
        if tall[0][1] > 58 or len(labels) < 3:
            continue
        for answer in advisor.advise(known):
            likeliest = max(answer.sizes, key=lambda size: size.p_fit).label
            assert tall[labels.index(likeliest)][0] <= 58
            by_age = [each for each in answer.because if each.code == "age"]
            assert all(each.figures["label"] in labels[:2] for each in by_age)
            checked += len(by_age)
            assert answer.ask_next is None
            assert answer.next_size is None
    assert checked


def test_unknown_customer_and_product_are_answered(real_app, tables):
    product_id = tables["order_lines"]["product_id"].iloc[0]
    stranger = ask(real_app, body={"product_id": product_id, "customer_id": "nobody"})
    bare = ask(real_app, body={"product_id": product_id})
    assert stranger.status == bare.status == 200
    assert stranger.json["sizes"] == bare.json["sizes"]
    assert "market_average" in [because["code"] for because in bare.json["because"]]
    assert ask(real_app, body={"product_id": "never-seen"}).json["status"] == "unknown_product"


def test_only_candidates_are_answered(real_app, tables):
    sizes = tables["product_sizes"].groupby("product_id")["size_label"].agg(list)
    product_id, labels = next((i, each) for i, each in sizes.items() if len(each) > 3)
    answer = ask(real_app, body={"product_id": product_id, "candidate_sizes": labels[:2]}).json
    assert {size["label"] for size in answer["sizes"]} == set(labels[:2])
    answer = ask(real_app, body={"product_id": product_id, "candidate_sizes": ["XQ"]})
    assert answer.status == 422
    assert all(label in answer.json["detail"] for label in labels)


def test_measurements_that_are_told_are_not_asked_for(advisor, tables, now):
    sized = tables["products"]
    women = sized[sized["audience"] == "women"]["product_id"].head(20)
    asked = set()
    for product_id in women:
        told = {}
        for _ in FIGURES:
            question = SizeQuestion(product_id=product_id, asked_at=now, measurements=dict(told))
            (answer,) = advisor.advise(advisor.look_up([question]))
            if answer.ask_next is None:
                break
            assert answer.ask_next not in told
            asked.add(answer.ask_next)
            told[answer.ask_next] = "b" if answer.ask_next == "cup" else 90.0
    assert asked


def test_reasons_come_with_the_product_s_own_figures(advisor, tables, now):
    told = tables["fit_feedback"].merge(tables["order_lines"], on="order_line_id")
    product_id = told["product_id"].value_counts().index[0]
    (answer,) = advisor.advise(advisor.look_up([SizeQuestion(product_id=product_id, asked_at=now)]))
    codes = {because.code: because.figures for because in answer.because}
    counted = codes.keys() & {"crowd", "product_runs_small", "product_runs_large"}
    assert len(counted) == 1
    lines = tables["order_lines"]
    mine = lines[lines["product_id"] == product_id]["order_line_id"]
    returns = tables["returns"]
    for_size = returns[returns["reason"].isin(["too_small", "too_large"])]["order_line_id"]
    words = pd.concat([tables["fit_feedback"]["order_line_id"], for_size]).unique()
    assert codes[counted.pop()]["n"] == mine.isin(words).sum()


def test_a_state_of_another_space_is_refused(real, place, tables, tmp_path):
    space = SizeFitSpace.load(place)
    other = replace(space, base_=space.base_ / 2)
    materialize(tables, {"size_fit": (other, "2")}, tmp_path / "state.db")
    elsewhere = real.model_copy(update={"state_url": str(tmp_path / "state.db")})
    with pytest.raises(StateError, match=r"filled for version 2 .* version 1 of size_fit"):
        load_advisor(place, LABEL, elsewhere)


def test_a_missing_state_is_refused_with_the_command(settings, place):
    with pytest.raises(StateError, match="muslin materialize"):
        load_advisor(place, LABEL, settings)


def test_the_state_can_be_filled_anew_while_it_is_read(real, place, advisor, tables, now):
    question = questions_of(tables, now, 1)[0]
    before = advisor.advise(advisor.look_up([question]))
    space = SizeFitSpace.load(place)
    materialize(tables, {"size_fit": (space, LABEL.version)}, real.state_url)
    assert advisor.advise(advisor.look_up([question])) == before


def test_a_state_filled_for_another_model_meanwhile_is_refused_until_it_fits(
    settings, place, tables, tmp_path
):
    state = tmp_path / "state.db"
    space = SizeFitSpace.load(place)
    materialize(tables, {"size_fit": (space, "1")}, state)
    real = settings.model_copy(update={"state_url": str(state)})
    app = MuslinApp(real)
    use_sizes(app, load_advisor(place, LABEL, real))
    question = {"product_id": tables["products"]["product_id"].iloc[0]}
    assert ask(app, body=question).status == 200

    other = replace(space, base_=space.base_ / 2)
    materialize(tables, {"size_fit": (other, "2")}, state)
    refused = ask(app, body=question)
    assert refused.status == 503
    assert "version 2" in refused.json["detail"]

    materialize(tables, {"size_fit": (space, "1")}, state)
    assert ask(app, body=question).status == 200
