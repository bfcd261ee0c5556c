"""The real path on a small simulated shop: tables, state, vectors, models, what-if."""

import json
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from data_contracts.tables import RETURN_REASON
from features.questions import BasketLine, BasketQuestion, Delivered, SizeQuestion
from features.return_risk_online import state_items as risk_items
from features.return_risk_space import ReturnRiskSpace
from features.size_fit_online import state_items as size_items
from features.state import SqliteState, StateError
from models.return_risk import ReturnRisk
from pipelines.fit_size import fit_size_fit
from pipelines.simulate import simulate
from serving.advisor import ModelLabel
from serving.languages import Languages
from serving.return_risk import CHECKOUT, DELIVERED, _other_sizes, load_risk_advisor
from serving.risk_messages import driver_text
from serving.size_advice import load_advisor

LABEL, SIZE_LABEL = ModelLabel("return_risk", "1"), ModelLabel("size_fit", "1")
RISK = {"n_estimators": 25, "members": 2, "min_child_samples": 20, "num_threads": 1}
SIZE = {"n_estimators": 12, "members": 1, "min_child_samples": 20, "num_threads": 1}
CLOSE = 1e-9


@pytest.fixture(scope="module")
def shop():
    return simulate(4000, seed=15).tables


@pytest.fixture(scope="module")
def place(shop, tmp_path_factory):
    """Both champions' files, and one state for the two."""
    folder = tmp_path_factory.mktemp("champions")
    risks, sizes = folder / "risks", folder / "sizes"
    risks.mkdir()
    sizes.mkdir()
    space = ReturnRiskSpace().fit(shop)
    for moment in (CHECKOUT, DELIVERED):
        data = space.data(shop, moment=moment)
        told = data.y >= 0
        ReturnRisk(moment=moment, **RISK).fit(data.X[told], data.y[told]).save(risks / moment)
    space.save(risks)
    size_space, size_model, _ = fit_size_fit(shop, params=SIZE)
    size_model.save(sizes)
    size_space.save(sizes)
    meta = {"space.return_risk": space.fingerprint, "version.return_risk": "1",
            "space.size_fit": size_space.fingerprint, "version.size_fit": "1"}  # fmt: skip
    with SqliteState(folder / "state.db") as state:
        state.replace([*size_items(size_space, shop), *risk_items(space, shop)], meta)
    return folder


@pytest.fixture
def real(settings, place):
    return settings.model_copy(update={"state_url": str(place / "state.db")})


@pytest.fixture
def sizes(real, place):
    return load_advisor(place / "sizes", SIZE_LABEL, real)


@pytest.fixture
def advisor(real, place, sizes):
    return load_risk_advisor(place / "risks", LABEL, real, sizes)


def line_of(row, **other):
    told = {
        "product_id": row["product_id"],
        "size_label": row["size_label"] if isinstance(row["size_label"], str) else None,
        "colour": row["colour"] if isinstance(row["colour"], str) else None,
        "quantity": int(row["quantity"]),
        "unit_price": float(row["unit_price"]),
    }
    return BasketLine(**{**told, **other})


@pytest.fixture(scope="module")
def asked_at(shop):
    return shop["order_lines"]["ordered_at"].max().timestamp() + 86_400.0


@pytest.fixture(scope="module")
def baskets(shop, asked_at):
    """The shop's last orders once more."""
    lines = shop["order_lines"].sort_values("ordered_at").tail(160)
    found = []
    for _, part in lines.groupby("order_id", sort=False):
        rows = part.to_dict("records")
        found.append(
            BasketQuestion(
                lines=tuple(line_of(row) for row in rows),
                asked_at=asked_at,
                customer_id=rows[0]["customer_id"],
                wearer=rows[0]["wearer"] if isinstance(rows[0]["wearer"], str) else "self",
                market=rows[0]["market"],
                currency=rows[0]["currency"],
            )
        )
    return found


def all_lines(advisor, baskets):
    for basket, risks in zip(baskets, advisor.assess(baskets), strict=True):
        yield from ((basket, line, risk) for line, risk in zip(basket.lines, risks, strict=True))


def test_chances_reasons_and_bounds_agree(advisor, baskets):
    for _, _, risk in all_lines(advisor, baskets):
        assert risk.reasons.keys() == set(RETURN_REASON)
        assert sum(risk.reasons.values()) == pytest.approx(risk.p_return, abs=CLOSE)
        assert 0.0 <= risk.p_low <= risk.p_return <= risk.p_high <= 1.0
        json.dumps(asdict(risk))  # plain values only


def test_drivers_are_told_with_figures_and_can_be_put_into_words(advisor, baskets):
    language = Languages().choose("en")
    told = [driver for _, _, risk in all_lines(advisor, baskets) for driver in risk.drivers]
    assert len({driver.code for driver in told}) > 3
    for driver in told:
        assert abs(driver.effect) >= 0.01
        assert driver_text(driver, language)
    for _, _, risk in all_lines(advisor, baskets):
        effects = [abs(driver.effect) for driver in risk.drivers]
        assert effects == sorted(effects, reverse=True)


def test_a_basket_is_judged_among_others_as_alone(advisor, baskets):
    together = advisor.assess(baskets[:12])
    for basket, risks in zip(baskets, together, strict=False):
        (alone,) = advisor.assess([basket])
        for one, other in zip(alone, risks, strict=True):
            assert one.p_return == pytest.approx(other.p_return, abs=CLOSE)
            assert [d.code for d in one.drivers] == [d.code for d in other.drivers]
            assert [s.label for s in one.suggestions] == [s.label for s in other.suggestions]
    assert advisor.assess([]) == []
    assert advisor.label() == LABEL


def test_risks_follow_what_came_back(advisor, baskets, shop):
    told = [risk.p_return for _, _, risk in all_lines(advisor, baskets)]
    lines = shop["order_lines"]
    share = lines["order_line_id"].isin(shop["returns"]["order_line_id"]).mean()
    assert np.ptp(told) > 0.1
    assert abs(np.mean(told) - share) < 0.15


def test_a_size_that_size_fit_prefers_never_has_the_higher_risk(advisor, sizes, baskets):
    compared = 0
    for basket, line, risk in all_lines(advisor, baskets):
        question = SizeQuestion(
            product_id=line.product_id, asked_at=basket.asked_at, wearer=basket.wearer,
            customer_id=basket.customer_id, market=basket.market,
        )  # fmt: skip
        (advice,) = sizes.advise(sizes.look_up([question]))
        if not risk.sizes:
            assert not advice.sizes or line.size_label not in {s.label for s in advice.sizes}
            continue
        fit = {each.label: each.p_fit for each in advice.sizes}
        assert [each.label for each in risk.sizes] == list(fit)
        own = {each.label: each.p_return for each in risk.sizes}
        assert own[line.size_label] == pytest.approx(risk.p_return, abs=CLOSE)
        ordered = sorted(own, key=fit.__getitem__, reverse=True)
        chances = [own[label] for label in ordered]
        assert all(b >= a - CLOSE for a, b in pairwise(chances))
        for each in risk.suggestions:
            if each.kind == "size":
                assert (advice.status, advice.recommended) == ("advised", each.label)
                assert each.p_from - each.p_to >= 0.02
                compared += 1
    assert compared > 3


def test_another_colour_has_the_risk_of_the_line_in_that_colour(advisor, baskets):
    compared = 0
    for basket, line, risk in all_lines(advisor, baskets):
        if not risk.colours:
            continue
        here = basket.lines.index(line)
        chances = {each.label: each.p_return for each in risk.colours}
        assert len(chances) == len(risk.colours)
        assert risk.p_return in chances.values()
        for label, p in chances.items():
            lines = list(basket.lines)
            lines[here] = replace(line, colour=label)
            (taken,) = advisor.assess([replace(basket, lines=tuple(lines))])
            assert taken[here].p_return == pytest.approx(p, abs=CLOSE)
            compared += 1
        for each in risk.suggestions:
            if each.kind == "colour":
                assert each.p_to == min(chances.values())
                assert each.p_to <= 0.8 * risk.p_return
    assert compared > 10


@pytest.fixture
def bracketed(advisor, baskets):
    """A line for which another size is suggested, with that size beside it."""
    for basket, line, risk in all_lines(advisor, baskets):
        for each in risk.suggestions:
            if each.kind == "size":
                beside = replace(line, size_label=each.label)
                return replace(basket, lines=(line, beside, line))
    raise AssertionError("no size was suggested")


def test_two_sizes_of_a_product_are_told_and_neither_gets_another(advisor, bracketed):
    (risks,) = advisor.assess([bracketed])
    assert [risk.duplicate_of for risk in risks] == [None, 0, 1]
    assert all(risk.suggestions == () for risk in risks)
    assert all(risk.colours == () for risk in risks)


def test_other_sizes_of_a_product_are_found_however_they_are_written():
    rng = np.random.default_rng(8)
    labels = [None, "M", " m ", "L", "XL"]
    lines = [
        BasketLine(product_id=f"p{rng.integers(6)}", size_label=labels[rng.integers(5)])
        for _ in range(60)
    ]
    plain = [None if x.size_label is None else x.size_label.strip().lower() for x in lines]

    def other(i, j):
        sizes = {plain[i], plain[j]}
        return lines[i].product_id == lines[j].product_id and None not in sizes and len(sizes) == 2

    for i, found in enumerate(_other_sizes(lines)):
        assert found.earlier == next((j for j in range(i) if other(i, j)), None)
        assert found.any == any(other(i, j) for j in range(len(lines)))


def test_without_a_size_model_nothing_is_said_of_sizes(real, place, baskets):
    alone = load_risk_advisor(place / "risks", LABEL, real, None)
    told = [risk for _, _, risk in all_lines(alone, baskets)]
    assert all(risk.sizes == () for risk in told)
    assert {each.kind for risk in told for each in risk.suggestions} <= {"colour"}


def test_a_size_model_that_lost_its_state_costs_the_sizes_only(real, place, baskets, sizes):
    class Lost:
        def look_up(self, questions):
            raise StateError("filled for another")

        def advise(self, known):
            raise AssertionError

        def label(self):
            return SIZE_LABEL

    with_sizes = load_risk_advisor(place / "risks", LABEL, real, sizes)
    lost = load_risk_advisor(place / "risks", LABEL, real, Lost())
    for one, other in zip(with_sizes.assess(baskets), lost.assess(baskets), strict=True):
        assert [r.p_return for r in one] == [r.p_return for r in other]
        assert all(r.sizes == () for r in other)


def test_a_line_that_arrived_is_judged_by_the_other_model(advisor, baskets, asked_at):
    basket = baskets[0]
    came = Delivered(
        ordered_at=asked_at - 9 * 86_400, delivered_at=asked_at - 86_400,
        promised_at=asked_at - 5 * 86_400, shipped_weight_g=400.0,
    )  # fmt: skip
    bought = replace(basket, lines=tuple(replace(x, delivered=came) for x in basket.lines))
    mixed = replace(basket, lines=(*bought.lines[:1], *basket.lines))
    before, after, both = advisor.assess([basket, bought, mixed])
    assert [r.p_return for r in before] != [r.p_return for r in after]
    assert all(r.suggestions == () for r in after)
    assert len(both) == len(basket.lines) + 1


def test_strangers_and_unknown_goods_are_answered_with_wider_bounds(advisor, baskets, asked_at):
    known = baskets[0]
    new = BasketQuestion(
        lines=(BasketLine(product_id="gone", size_label="M", colour="red", unit_price=20.0),),
        asked_at=asked_at, customer_id="nobody", market="ZZ", currency="XAU",
    )  # fmt: skip
    (risk,) = advisor.assess([new])[0]
    assert (risk.sizes, risk.colours, risk.suggestions) == ((), (), ())
    assert dict(risk.knows) == {"customer_orders": 0, "product_orders": 0}
    assert 0.0 < risk.p_low < risk.p_return < risk.p_high < 1.0
    wide = risk.p_high - risk.p_low
    told = [r for b in advisor.assess([known]) for r in b]
    assert all(r.knows["product_orders"] > 0 for r in told)
    log_odds = [np.log(p / (1 - p)) for p in (risk.p_low, risk.p_high)]
    for r in told:
        narrow = [np.log(p / (1 - p)) for p in (r.p_low, r.p_high)]
        assert np.diff(narrow) <= np.diff(log_odds) + CLOSE
    assert wide > 0


def test_one_who_chose_no_size_is_told_of_every_size(advisor, baskets):
    basket, line = next((b, x) for b, x, r in all_lines(advisor, baskets) if len(r.sizes) > 2)
    (risk,) = advisor.assess([replace(basket, lines=(replace(line, size_label=None),))])[0]
    assert len(risk.sizes) > 2
    assert min(each.p_return for each in risk.sizes) == pytest.approx(risk.p_return, abs=CLOSE)
    assert {each.kind for each in risk.suggestions} <= {"colour"}


def test_goods_are_those_of_the_tables(advisor, shop):
    products = shop["products"].set_index("product_id")
    ids = products.index[:30].tolist()
    for product_id, found in zip(ids, advisor.goods(ids), strict=True):
        row = products.loc[product_id]
        assert (found.category, found.audience) == (row["category"], row["audience"])
        if not pd.isna(row["price"]):
            assert (found.price, found.currency) == (row["price"], row["currency"])
        if not pd.isna(row["launched_at"]):
            assert found.launched_at == row["launched_at"].timestamp()
    assert advisor.goods(["gone"]) == [None]


def test_a_state_of_another_space_is_refused_with_the_command(settings, place, tmp_path):
    path = tmp_path / "state.db"
    elsewhere = settings.model_copy(update={"state_url": str(path)})
    with pytest.raises(StateError, match="muslin materialize"):
        load_risk_advisor(place / "risks", LABEL, elsewhere, None)
    with SqliteState(path) as state:
        state.replace([], {"space.return_risk": "other", "version.return_risk": "2"})
    with pytest.raises(StateError, match="filled for version 2 of return_risk"):
        load_risk_advisor(place / "risks", LABEL, elsewhere, None)
