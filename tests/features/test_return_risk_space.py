import numpy as np
import pandas as pd
import pytest

from features.events import DAY_US
from features.lines import to_micros
from features.return_risk import FACTS, VECTOR
from features.return_risk_space import OUTCOMES, ReturnRiskSpace

ADULT = 18


def same(one, other, tolerance=1e-9):
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def rows_of(data, ids):
    return pd.Series(np.arange(len(data.ids)), index=data.ids).loc[list(ids)].to_numpy()


def micros(moment):
    return to_micros(pd.Series([moment])).iloc[0]


@pytest.fixture(scope="module")
def space(tables):
    return ReturnRiskSpace().fit(tables)


@pytest.fixture(scope="module")
def data(tables, space):
    return space.data(tables)


@pytest.fixture(scope="module")
def held(tables):
    return tables["order_lines"]["order_line_id"].sample(frac=0.1, random_state=6).tolist()


def other_future(tables, moment):
    """The shop with all that happened at or after a moment turned into something else."""
    returns, lines = tables["returns"].copy(), tables["order_lines"].copy()
    late = returns["requested_at"] >= moment
    assert late.sum() > 50
    returns.loc[late, "reason"] = "other"
    returns = returns[~late | (np.arange(len(returns)) % 3 > 0)]
    later = lines["delivered_at"] >= moment
    lines.loc[later, "delivered_at"] += pd.Timedelta(days=3)
    lines.loc[later, "shipped_weight_g"] = 1.0
    placed = lines["ordered_at"] > moment
    lines.loc[placed, "unit_price"] *= 2
    return {**tables, "returns": returns, "order_lines": lines}


def test_a_mutated_future_changes_nothing(tables, space, data, moment):
    now = space.data(other_future(tables, moment))
    earlier = data.at <= micros(moment)
    same(now.X[earlier], data.X[earlier])
    assert not np.allclose(now.X[~earlier], data.X[~earlier], equal_nan=True)


def test_only_what_was_strictly_before_counts(tables, space, data):
    """A return at the very moment of an order is not known to it; one a microsecond earlier is."""
    lines = tables["order_lines"]
    busy = lines["customer_id"].value_counts().index[0]
    mine = lines[lines["customer_id"] == busy].sort_values("ordered_at")
    last, first = mine.iloc[-1], mine.iloc[0]
    returned = VECTOR.index("customer.returned")

    def vector(moment):
        returns = tables["returns"]
        returns = returns[returns["order_line_id"] != first["order_line_id"]]
        added = tables["returns"].head(1).assign(
            return_id="R", order_line_id=first["order_line_id"], requested_at=moment,
            reason="changed_mind",
        )  # fmt: skip
        told = space.data({**tables, "returns": pd.concat([returns, added], ignore_index=True)})
        return told.X[rows_of(told, [last["order_line_id"]])[0]]

    at, before = vector(last["ordered_at"]), vector(last["ordered_at"] - pd.Timedelta(1, "us"))
    assert before[returned] == at[returned] + 1


def test_lines_of_one_order_are_no_history_of_each_other(tables, space, data):
    lines = tables["order_lines"]
    orders = VECTOR.index("customer.orders")
    first = lines.groupby("customer_id")["ordered_at"].transform("min").eq(lines["ordered_at"])
    assert first.sum() > 50
    assert (data.X[rows_of(data, lines.loc[first, "order_line_id"]), orders] == 0).all()


def test_held_out_outcomes_are_in_no_label_and_no_history(tables, held):
    """Whatever became of them: the whole space and all vectors are the same."""
    returns = tables["returns"]
    blind = returns[~returns["order_line_id"].isin(held)]
    hidden = returns["order_line_id"].isin(held)
    other = returns.assign(
        reason=returns["reason"].mask(hidden, "other"),
        requested_at=returns["requested_at"].mask(
            hidden, returns["requested_at"] - pd.Timedelta(hours=1)
        ),
    )
    spaces = [
        ReturnRiskSpace().fit({**tables, "returns": r}, held) for r in (returns, blind, other)
    ]
    assert len({each.fingerprint for each in spaces}) == 1
    one, two, three = (
        spaces[0].data({**tables, "returns": r}, held) for r in (returns, blind, other)
    )
    for each in (two, three):
        same(each.X, one.X)
        np.testing.assert_array_equal(each.y, one.y)
    assert (one.y[rows_of(one, held)] == -1).all()
    assert not one.mature[rows_of(one, held)].any()
    seen = spaces[0].data(tables)
    assert (seen.y[rows_of(seen, held)] >= 0).any()
    assert not np.allclose(seen.X, one.X, equal_nan=True)


@pytest.mark.parametrize("place", [200, 700, 1300])
def test_its_own_delivery_is_in_no_vector_of_a_line_at_checkout(tables, space, data, place):
    lines = tables["order_lines"].copy()
    row = lines.sort_values("ordered_at").index[place]
    lines.loc[row, "delivered_at"] = lines.loc[row, "ordered_at"] + pd.Timedelta(days=2, hours=1)
    lines.loc[row, "promised_at"] = lines.loc[row, "ordered_at"] + pd.Timedelta(minutes=1)
    lines.loc[row, "shipped_weight_g"] = 31_000.0
    now = space.data({**tables, "order_lines": lines})
    own = rows_of(data, [lines.loc[row, "order_line_id"]])
    # Sums are cumulated over the stream: an event elsewhere in it may turn their last bit.
    np.testing.assert_allclose(now.X[own], data.X[own], rtol=1e-12, atol=0)
    assert not np.array_equal(now.X, data.X, equal_nan=True)  # later lines know it came


def test_a_delivered_line_is_asked_about_when_it_came_with_its_facts(tables, space, data):
    late = space.data(tables, moment="delivered")
    came = tables["order_lines"]["delivered_at"]
    arrived = came.notna().to_numpy()
    assert (late.at[arrived] == to_micros(came)[arrived].to_numpy(dtype="int64")).all()
    assert (late.at[~arrived] == data.at[~arrived]).all()
    arrived_fact = late.X[:, len(VECTOR)]
    np.testing.assert_array_equal(arrived_fact, arrived.astype("float64"))
    np.testing.assert_array_equal(late.y, data.y)
    same(late.X[:, : len(FACTS)], data.X[:, : len(FACTS)])  # facts are those of the order
    assert (late.X[arrived, VECTOR.index("product.log_orders")] > 0).all()  # its own order is one


def test_sex_birth_age_and_locale_of_the_buyer_change_no_column(tables, data, space):
    customers, bodies = tables["customers"], tables["body_measurements"]
    adult = bodies["age_years"].ge(ADULT)
    assert adult.any()
    assert bodies["sex"].notna().any()
    swapped = bodies["sex"].map({"female": "male", "male": "female"})
    other = {
        **tables,
        "customers": customers.assign(birth_year=1931, locale="xx"),
        "body_measurements": bodies.assign(
            sex=swapped.astype(bodies["sex"].dtype),
            age_years=bodies["age_years"].mask(adult, bodies["age_years"] + 25),
        ),
    }
    again = ReturnRiskSpace().fit(other)
    assert again.fingerprint == space.fingerprint
    np.testing.assert_array_equal(again.data(other).X, data.X)


def test_pandas_and_polars_give_the_same(tables, data):
    other = ReturnRiskSpace(engine="pandas").fit(tables).data(tables)
    same(other.X, data.X)
    np.testing.assert_array_equal(other.y, data.y)


def test_the_order_of_the_rows_does_not_matter(shuffled, space, data):
    other = space.data(shuffled)
    same(other.X[rows_of(other, data.ids)], data.X)
    np.testing.assert_array_equal(other.y[rows_of(other, data.ids)], data.y)


def test_an_outcome_counts_once_the_window_has_closed(tables, space, data):
    """Before that only a return would be known, and all that is known would be returns."""
    lines, returns = tables["order_lines"], tables["returns"]
    until = max(lines["ordered_at"].max(), returns["requested_at"].max())
    window = pd.Timedelta(microseconds=int(space.window_days_ * DAY_US))
    never = pd.Timedelta(microseconds=int(space.slowest_days_ * DAY_US)) + window
    came = lines["delivered_at"]
    settled = (came + window <= until) | (came.isna() & (lines["ordered_at"] + never <= until))
    assert 0 < (~settled).sum() < len(lines) / 2
    assert (data.y[~settled.to_numpy()] == -1).all()
    first = returns.sort_values("requested_at").drop_duplicates("order_line_id")
    reason = lines["order_line_id"].map(first.set_index("order_line_id")["reason"])
    expected = reason.map({name: i for i, name in enumerate(OUTCOMES)}).fillna(0)
    np.testing.assert_array_equal(data.y[settled], expected[settled].to_numpy())
    old = lines["ordered_at"] + never <= until
    np.testing.assert_array_equal(data.mature, old)
    assert (data.y[data.mature] >= 0).mean() > 0.98  # all but the slowest parcels
    assert 0.02 < space.base_ < 0.8


def test_a_space_that_was_saved_is_the_same(space, tables, data, tmp_path):
    space.save(tmp_path)
    again = ReturnRiskSpace.load(tmp_path)
    assert again.fingerprint == space.fingerprint
    np.testing.assert_array_equal(again.data(tables).X, data.X)


def test_prices_of_all_currencies_compare(tables, space, data):
    """One product costs about the same wherever it is sold."""
    lines = tables["order_lines"]
    price = pd.Series(data.X[:, FACTS.index("price")])
    told = lines[["product_id", "currency"]].assign(price=price)
    by = told.pivot_table("price", "product_id", "currency", aggfunc="median")
    assert by.shape[1] > 1
    for currency in by.columns[1:]:
        ratio = (by[currency] / by[by.columns[0]]).dropna()
        if len(ratio) > 20:
            assert 0.6 < ratio.median() < 1.6, currency


def test_a_shop_of_orders_and_products_only_has_vectors(tables):
    bare = {name: tables[name] for name in ("order_lines", "products", "product_sizes")}
    told = ReturnRiskSpace().fit(bare).data(bare)
    assert told.X.shape == (len(bare["order_lines"]), len(VECTOR))
    assert set(np.unique(told.y)) <= {-1, 0}
