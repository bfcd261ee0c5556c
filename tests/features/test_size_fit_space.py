import json

import numpy as np
import pandas as pd
import pytest

from features.bodies import BODY_COLUMNS
from features.events import DAY_US
from features.histories import final_state
from features.lines import to_micros
from features.positions import SizeScales
from features.size_fit import CODED, FACTS, HISTORIES, SUMS, VECTOR
from features.size_fit_space import RETURN_WINDOW_DAYS, SizeFitSpace

OTHER_WORD = {"small": "large", "fit": "small", "large": "fit"}
OTHER_REASON = {"too_small": "too_large"}


def same(one, other, tolerance=1e-9):
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def turned(tables, moment):
    """The shop with every outcome at or after a moment turned into another."""
    feedback, returns = tables["fit_feedback"].copy(), tables["returns"].copy()
    told, back = feedback["given_at"] >= moment, returns["requested_at"] >= moment
    assert told.sum() > 50
    assert back.sum() > 50
    feedback.loc[told, "fit"] = feedback.loc[told, "fit"].map(OTHER_WORD)
    reason = returns.loc[back, "reason"].map(OTHER_REASON).fillna("too_small")
    returns.loc[back, "reason"] = reason
    return {"fit_feedback": feedback, "returns": returns}


def all_returned(tables):
    """Returns of every line, the day after it was delivered or, if it was not, ordered."""
    lines = tables["order_lines"]
    came = lines["delivered_at"].fillna(lines["ordered_at"]) + pd.Timedelta(days=1)
    ids = lines["order_line_id"]
    returns = tables["returns"]
    told = pd.DataFrame({name: returns[name].iloc[:1].repeat(len(ids)).to_numpy()
                         for name in returns}).astype(returns.dtypes.to_dict())  # fmt: skip
    return told.assign(order_line_id=ids.to_numpy(), requested_at=came.to_numpy(), reason="other")


def rows_of(data, ids):
    return pd.Series(np.arange(len(data.ids)), index=data.ids).loc[list(ids)].to_numpy()


@pytest.fixture(scope="module")
def held(tables):
    """Ids of a tenth of the lines."""
    return tables["order_lines"]["order_line_id"].sample(frac=0.1, random_state=6).tolist()


def test_an_outcome_moves_no_vector_of_a_line_ordered_at_or_before_it(
    tables, space, data, moment, with_table
):
    now = space.data(with_table(**turned(tables, moment)))
    earlier = data.at <= to_micros(pd.Series([moment])).iloc[0]
    same(now.X[earlier], data.X[earlier])
    assert not np.allclose(now.X[~earlier], data.X[~earlier], equal_nan=True)


def test_an_outcome_taken_away_moves_no_vector_of_a_line_ordered_at_or_before_it(
    tables, space, data, moment, with_table
):
    feedback, returns = tables["fit_feedback"], tables["returns"]
    now = space.data(with_table(
        fit_feedback=feedback[feedback["given_at"] < moment],
        returns=returns[returns["requested_at"] < moment],
    ))  # fmt: skip
    earlier = data.at <= to_micros(pd.Series([moment])).iloc[0]
    same(now.X[earlier], data.X[earlier])


def test_later_orders_measurements_and_deliveries_move_no_vector(
    tables, space, data, moment, with_table
):
    lines, bodies = tables["order_lines"].copy(), tables["body_measurements"].copy()
    labels = tables["product_sizes"].groupby("product_id")["size_label"].first()
    later = lines["ordered_at"] > moment
    lines.loc[later, "size_label"] = lines.loc[later, "product_id"].map(labels)
    lines.loc[later, ["wearer", "market"]] = [["partner", "DE"]] * later.sum()
    undelivered = lines["delivered_at"] > moment
    lines.loc[undelivered, "delivered_at"] += pd.Timedelta(days=3)
    told = bodies["measured_at"] > moment
    bodies.loc[told, ["height_cm", "chest_cm", "weight_kg"]] += 20.0
    bodies.loc[told, "fit_preference"] = "tight"
    assert min(later.sum(), undelivered.sum(), told.sum()) > 20
    now = space.data(with_table(order_lines=lines, body_measurements=bodies))
    earlier = data.at <= to_micros(pd.Series([moment])).iloc[0]
    same(now.X[earlier], data.X[earlier])
    assert not np.allclose(now.X[~earlier], data.X[~earlier], equal_nan=True)


def test_the_future_cut_off_moves_no_vector(tables, space, data, moment, with_table):
    lines = tables["order_lines"]
    now = space.data(with_table(order_lines=lines[lines["ordered_at"] <= moment]))
    same(now.X, data.X[rows_of(data, now.ids)])


def test_candidates_are_asked_with_what_was_known_when_the_line_was_ordered(
    tables, space, data, moment, with_table
):
    rows = np.flatnonzero(data.sized & (data.at <= to_micros(pd.Series([moment])).iloc[0]))[-40:]
    now = space.data(with_table(**turned(tables, moment)))
    same(now.candidates(rows).X, data.candidates(rows).X)


def test_shuffled_tables_give_the_same_vectors_and_outcomes(shuffled, space, data):
    now = space.data(shuffled)
    rows = rows_of(now, data.ids)
    same(now.X[rows], data.X)
    np.testing.assert_array_equal(now.y[rows], data.y)
    np.testing.assert_array_equal(now.told[rows], data.told)


def test_a_space_fitted_on_shuffled_tables_is_the_same(shuffled, tables, data):
    now = SizeFitSpace().fit(shuffled).data(tables)
    same(now.X, data.X, 1e-7)


def test_pandas_equals_polars(tables, data):
    space = SizeFitSpace(engine="pandas").fit(tables)
    now = space.data(tables)
    same(now.X, data.X)
    np.testing.assert_array_equal(now.y, data.y)
    rows = np.flatnonzero(data.sized)[::97]
    same(now.candidates(rows).X, data.candidates(rows).X)


def test_batch_equals_single(data, space):
    for row in range(300, len(data.ids), 800):
        same(space.vectors(data.facts.iloc[[row]].reset_index(drop=True), data.events)[0],
             data.X[row])  # fmt: skip
    rows = np.flatnonzero(data.sized)[5::700]
    batch = data.candidates(rows)
    for row in rows:
        same(data.candidates(np.array([row])).X, batch.X[batch.line == row])


def test_saved_space_gives_the_same_vectors(space, tables, data, tmp_path):
    space.save(tmp_path)
    now = SizeFitSpace.load(tmp_path).data(tables)
    np.testing.assert_array_equal(np.isnan(now.X), np.isnan(data.X))
    same(now.X, data.X, 1e-12)


def test_a_saved_space_is_plain_json(space, tmp_path):
    space.save(tmp_path)
    stored = json.loads((tmp_path / "space.json").read_text())
    assert stored["base"] == space.base_.tolist()
    assert "engine" not in stored


def test_held_out_outcomes_are_in_no_label_no_vector_and_no_fitted_space(tables, with_table, held):
    feedback, returns = tables["fit_feedback"].copy(), tables["returns"].copy()
    told, back = (frame["order_line_id"].isin(held) for frame in (feedback, returns))
    assert told.sum() > 50
    assert back.sum() > 20
    feedback.loc[told, "fit"] = feedback.loc[told, "fit"].map(OTHER_WORD)
    returns = returns[~back]
    other = with_table(fit_feedback=feedback, returns=returns)
    was_space = SizeFitSpace().fit(tables, held)
    now_space = SizeFitSpace().fit(other, held)
    was, now = was_space.data(tables, held), now_space.data(other, held)
    np.testing.assert_array_equal(now_space.base_, was_space.base_)
    assert now_space.scales_.to_json() == was_space.scales_.to_json()
    assert now_space.natural_.to_json() == was_space.natural_.to_json()
    same(now.X, was.X, 1e-12)
    np.testing.assert_array_equal(now.y, was.y)
    np.testing.assert_array_equal(now.told, was.told)
    assert (was.y[rows_of(was, held)] == -1).all()


def test_a_held_out_line_is_counted_as_ordered_and_never_as_kept(tables, space, data, held):
    hidden = space.data(tables, held).events.to_pandas()
    shown = data.events.to_pandas()
    of_held = hidden[hidden["order_line_id"].isin(held)]
    assert set(of_held["kind"]) == {"ordered"}
    assert sorted(of_held["order_line_id"]) == sorted(held)
    assert {"kept", "fit_told", "returned"} <= set(
        shown.loc[shown["order_line_id"].isin(held), "kind"]
    )


def test_a_held_out_order_still_counts_in_the_history_of_others(tables, space, data, held):
    hidden = space.data(tables, held)
    for name in ("person.orders", "person_scale.orders", "product.log_orders", "product.shift"):
        column = VECTOR.index(name)
        np.testing.assert_allclose(hidden.X[:, column], data.X[:, column])
    told = [VECTOR.index(f"product.told_{word}") for word in OTHER_WORD]
    fewer = hidden.X[:, told].sum(axis=1)
    assert (fewer <= data.X[:, told].sum(axis=1)).all()
    assert fewer.sum() < data.X[:, told].sum()


def with_charts_only(tables):
    """The shop without the products whose chart is estimated."""
    scales = SizeScales().fit(tables["products"], tables["product_sizes"])
    placed = scales.place(tables["products"], tables["product_sizes"])
    gone = set(placed.loc[placed["chart"].eq("estimated"), "product_id"])
    lines = tables["order_lines"]
    kept = {
        name: tables[name][~tables[name]["product_id"].isin(gone)]
        for name in ("products", "product_sizes", "order_lines")
    }
    ids = kept["order_lines"]["order_line_id"]
    assert 500 < len(ids) < len(lines)
    words = {
        name: tables[name][tables[name]["order_line_id"].isin(ids)]
        for name in ("fit_feedback", "returns")
    }
    shop = {**tables, **kept, **words}
    return {name: table.reset_index(drop=True) for name, table in shop.items()}


def test_where_every_chart_is_published_the_natural_size_ignores_outcomes(tables):
    charted = with_charts_only(tables)
    early = charted["order_lines"]["ordered_at"].min()
    space = SizeFitSpace().fit(charted)
    other = SizeFitSpace().fit({**charted, **turned(charted, early)})
    told, was = other.natural_.to_json(), space.natural_.to_json()
    assert told["scales"] == was["scales"]
    assert other.scales_.to_json() == space.scales_.to_json()
    # Told bodies are held against what was kept; the bias is reported, and is in no vector.
    assert told["bias"] != was["bias"]
    other.base_ = space.base_  # shares of outcomes
    same(other.data(charted).X, space.data(charted).X, 1e-12)


def test_of_outcomes_the_positions_and_the_natural_size_read_only_what_was_kept(
    tables, space, data, with_table
):
    """Why a line was not kept makes no difference."""
    feedback, returns = tables["fit_feedback"].copy(), tables["returns"].copy()
    feedback["fit"] = feedback["fit"].map({"small": "large", "fit": "fit", "large": "small"})
    returns["reason"] = returns["reason"].map({"too_small": "too_large"}).fillna("too_small")
    other = SizeFitSpace().fit(with_table(fit_feedback=feedback, returns=returns))
    assert other.scales_.to_json() == space.scales_.to_json()
    assert other.natural_.to_json() == space.natural_.to_json()
    other.base_ = space.base_  # shares of outcomes
    same(other.data(tables).X, data.X, 1e-12)


def test_only_lines_that_were_kept_and_not_held_out_move_estimated_charts(
    tables, held, monkeypatch
):
    seen = []
    learn = SizeScales.learn_moves

    def spy(scales, facts, residual):
        seen.append((facts, residual))
        learn(scales, facts, residual)

    monkeypatch.setattr(SizeScales, "learn_moves", spy)
    space = SizeFitSpace().fit(tables, held)
    ((facts, residual),) = seen
    read = residual.notna()
    words = tables["fit_feedback"]
    unfit = words.loc[words["fit"].ne("fit"), "order_line_id"]
    estimated = facts["chart"].eq("estimated")
    ids = facts["order_line_id"]
    for left_out in (tables["returns"]["order_line_id"], unfit, held):
        assert (ids.isin(left_out) & estimated).sum() > 10
        assert not (ids.isin(left_out) & read).any()
    assert (read & estimated).sum() > 100
    alone = SizeScales()
    learn(alone, facts[read], residual[read])
    assert alone.moves_
    assert space.scales_.moves_ == alone.moves_


def test_a_shop_whose_lines_all_came_back_or_are_held_out_moves_no_chart(tables, space, with_table):
    assert space.scales_.moves_
    came_back = SizeFitSpace().fit(with_table(returns=all_returned(tables)))
    assert came_back.scales_.moves_ == {}
    all_lines = tables["order_lines"]["order_line_id"]
    assert SizeFitSpace().fit(tables, all_lines).scales_.moves_ == {}


def test_sums_of_kept_sizes_are_over_the_lines_that_did_not_come_back(tables, data):
    back = tables["returns"].groupby("order_line_id")["requested_at"].min()
    facts = data.facts.assign(over=data.facts["delivered"] + int(RETURN_WINDOW_DAYS * DAY_US))
    came = facts["order_line_id"].map(back)
    came = to_micros(came).astype("float64")
    last = max(data.at.max(), to_micros(tables["fit_feedback"]["given_at"]).max(),
               to_micros(tables["returns"]["requested_at"]).max())  # fmt: skip
    kept = facts["over"].le(last).fillna(False) & ~came.le(facts["over"].astype("float64"))
    assert kept.sum() > 500
    assert came.notna().sum() > 100
    for name, key in (("product", ["product_id"]), ("person_scale", ["person", "scale"])):
        history = next(each for each in HISTORIES if each.name == name)
        final = final_state(history, data.events).to_pandas().set_index(key)[list(history.columns)]
        final.columns = list(SUMS)
        known = facts[kept.astype(bool)].dropna(subset=key).groupby(key)
        expected = pd.DataFrame({
            "kept": known.size(), "kept_fair": known["fair"].sum(),
            "kept_surplus": known["surplus"].sum(), "kept_weight": known["surplus_weight"].sum(),
        }).astype("float64").reindex(final.index).fillna(0.0)  # fmt: skip
        same(final[list(expected)].to_numpy(), expected.to_numpy(), 1e-7)


def test_lines_that_came_back_are_not_in_what_was_kept(tables, space, data, with_table):
    """They still count as orders."""
    now = space.data(with_table(returns=all_returned(tables)))
    at = {name: VECTOR.index(name) for name in VECTOR}
    for name in ("person_scale.kept", "product.kept_shift"):
        assert np.abs(data.X[:, at[name]]).max() > 0
        assert not now.X[:, at[name]].any()
    assert np.isfinite(data.X[:, at["from_kept"]]).any()
    assert np.isnan(now.X[:, at["from_kept"]]).all()
    for name in ("person_scale.orders", "product.shift", "from_orders"):
        same(now.X[:, at[name]], data.X[:, at[name]])


def test_a_line_kept_in_silence_counts_as_fit_but_nobody_told(tables, data):
    feedback, returns = tables["fit_feedback"], tables["returns"]
    lines = tables["order_lines"].set_index("order_line_id").loc[list(data.ids)]
    quiet = ~lines.index.isin(feedback["order_line_id"]) & ~lines.index.isin(
        returns["order_line_id"]
    )
    last = max(data.at.max(), to_micros(feedback["given_at"]).max(),
               to_micros(returns["requested_at"]).max())  # fmt: skip
    kept_at = to_micros(lines["delivered_at"]) + int(RETURN_WINDOW_DAYS * DAY_US)
    over = kept_at.le(last).fillna(False).to_numpy(dtype=bool)
    assert (data.y[quiet & over] == 1).all()
    assert (data.y[quiet & ~over] == -1).all()
    assert not data.told[quiet].any()
    assert data.told[lines.index.isin(feedback["order_line_id"])].all()


def test_every_size_of_the_product_is_a_candidate_smallest_first(data, tables):
    rows = np.flatnonzero(data.sized)[::53]
    out = data.candidates(rows)
    sizes = tables["product_sizes"].groupby("product_id")["size_label"].apply(set)
    rank = out.X[:, VECTOR.index("size_rank")]
    assert out.line[np.r_[True, np.diff(out.line) != 0]].tolist() == rows.tolist()
    for row in rows:
        here = out.line == row
        assert set(out.label[here]) == sizes[data.facts["product_id"].iloc[row]]
        assert (np.diff(rank[here]) > 0).all()
        assert out.chosen[here].sum() == 1


def test_lines_of_goods_without_sizes_have_no_candidates(tables, space, with_table):
    lines, sizes = tables["order_lines"], tables["product_sizes"]
    product = lines["product_id"].iloc[0]
    bare = space.data(with_table(product_sizes=sizes[sizes["product_id"] != product]))
    rows = rows_of(bare, lines.loc[lines["product_id"] == product, "order_line_id"])
    assert not bare.sized[rows].any()
    assert bare.candidates(rows).X.shape == (0, len(VECTOR))


def test_a_candidate_is_asked_without_a_basket(data):
    out = data.candidates(np.flatnonzero(data.sized)[:50])
    assert np.isnan(out.X[:, VECTOR.index("basket_fair")]).all()


def test_the_chosen_candidate_is_the_line_itself_but_for_the_basket(data):
    rows = np.flatnonzero(data.sized)[::53]
    out = data.candidates(rows)
    beside = [i for i, name in enumerate(VECTOR) if "basket" not in name]
    same(out.X[out.chosen][:, beside], data.X[out.line[out.chosen]][:, beside])


def test_categories_of_the_catalogue_that_are_new_have_no_code(tables, space, with_table):
    products = tables["products"].assign(category="spacesuit")
    now = space.data(with_table(products=products))
    assert np.isnan(now.X[:, VECTOR.index("category")]).all()
    assert now.X.shape[1] == len(VECTOR)


@pytest.mark.parametrize("table", ["body_measurements", "returns", "fit_feedback"])
def test_a_shop_without_one_of_the_tables_still_has_vectors(tables, table):
    bare = {name: frame for name, frame in tables.items() if name != table}
    now = SizeFitSpace().fit(bare).data(bare)
    assert now.X.shape == (len(tables["order_lines"]), len(VECTOR))


def test_who_a_grown_up_is_is_no_input(tables, space, data, with_table):
    words = {word for name in VECTOR for word in name.replace(".", "_").split("_")}
    assert not words & {"sex", "nationality", "name", "birth", "locale", "cluster", "rating"}
    assert not {"age", "age_years"} & set(VECTOR)
    grown = data.facts["age_years"].isna().to_numpy()
    assert grown.any()
    assert np.isnan(data.X[grown, VECTOR.index("child_age")]).all()
    assert not (data.X[:, VECTOR.index("child_age")] >= 18).any()
    bodies = tables["body_measurements"].copy()
    adult = bodies["age_years"].ge(18)
    bodies.loc[adult, "age_years"] += 15.0
    customers = tables["customers"].assign(birth_year=1950, locale="xx", market="ZZ")
    same(space.data(with_table(body_measurements=bodies, customers=customers)).X, data.X)


def test_facts_hold_every_body_figure_once():
    figures = [name for name in BODY_COLUMNS if name != "age_years"]
    assert len(set(FACTS)) == len(FACTS)
    assert set(figures) <= set(FACTS)
    assert tuple(FACTS[-len(CODED) :]) == CODED
