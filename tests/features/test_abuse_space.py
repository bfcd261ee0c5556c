import numpy as np
import pandas as pd
import pytest

from features.abuse import BASE, SIGNALS, VECTOR
from features.abuse_space import AbuseSpace
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def shop():
    return simulate(3000, seed=31).tables


@pytest.fixture(scope="module")
def fitted(shop):
    return AbuseSpace().fit(shop)


@pytest.fixture(scope="module")
def claims(fitted, shop):
    return fitted.data(shop)


def rows_of(data, ids):
    return pd.Series(np.arange(len(data.ids)), index=data.ids).reindex(list(ids)).to_numpy()


def same(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-7)


def same_space(one, other):
    assert one.prices_ == other.prices_
    same(one.base_, other.base_)
    same(one.shapes_, other.shapes_)


def test_sex_birth_age_locale_and_home_market_of_the_buyer_change_no_vector(fitted, shop, claims):
    bodies, customers = shop["body_measurements"], shop["customers"]
    other = {
        **shop,
        "customers": customers.assign(birth_year=1900, locale="xx", market="ZZ"),
        "body_measurements": bodies.assign(
            sex="other", age_years=99.0, birth_date=pd.Timestamp("1950-01-01", tz="UTC")
        ),
    }
    same_space(AbuseSpace().fit(other), fitted)
    now = fitted.data(other)
    same(now.X, claims.X)
    same(now.seen, claims.seen)


def test_a_mutated_future_changes_nothing(fitted, shop, claims):
    moment = pd.Timestamp(int(np.median(claims.at)), unit="us", tz="UTC")
    returns, labels, lines = shop["returns"], shop["abuse_labels"], shop["order_lines"]
    late = returns["requested_at"] > moment
    returns = returns.assign(
        reason=returns["reason"].mask(late, "not_received"),
        condition=returns["condition"].mask(returns["received_at"] > moment, "empty"),
        returned_weight_g=returns["returned_weight_g"].mask(returns["received_at"] > moment, 1.0),
    )
    future = {
        **shop,
        "order_lines": lines[(lines["ordered_at"] <= moment) | (lines.index % 2 == 0)],
        "returns": returns,
        "abuse_labels": labels.assign(
            label=labels["label"].mask(labels["decided_at"] > moment, "abuse")
        ),
    }
    now = fitted.data(future)
    past = claims.ids[claims.at <= moment.value // 1000]
    same(now.X[rows_of(now, past)], claims.X[rows_of(claims, past)])
    later = claims.ids[claims.at > moment.value // 1000]
    later = [each for each in later if each in set(now.ids)]
    assert not np.allclose(
        now.X[rows_of(now, later)], claims.X[rows_of(claims, later)], equal_nan=True
    )


def test_what_was_claimed_at_the_same_moment_is_not_known(fitted, shop):
    returns = shop["returns"]
    busiest = returns.merge(shop["order_lines"][["order_line_id", "customer_id"]])
    who = busiest["customer_id"].value_counts().index[0]
    mine = busiest.loc[busiest["customer_id"] == who, "return_id"]
    moment = returns.loc[returns["return_id"].isin(mine), "requested_at"].max()
    at_once = returns.assign(
        requested_at=returns["requested_at"].mask(returns["return_id"].isin(mine), moment),
        received_at=returns["received_at"].mask(returns["return_id"].isin(mine)),
    )
    data = fitted.data({**shop, "returns": at_once})
    X = data.X[rows_of(data, mine)]
    assert (X[:, VECTOR.index("account.claimed")] == 1).all()


def test_held_out_lines_are_in_no_history_no_label_and_no_rate(shop):
    held = shop["order_lines"]["order_line_id"].sample(frac=0.2, random_state=3)
    returns, labels = shop["returns"], shop["abuse_labels"]
    mine = returns["order_line_id"].isin(held)
    gone = returns.loc[mine, "return_id"]
    told = labels["return_id"].isin(gone)
    turned = labels["label"].map({"abuse": "legitimate", "legitimate": "abuse"})
    blind = {
        **shop,
        "returns": returns.assign(reason=returns["reason"].mask(mine, "wrong_item")),
        "abuse_labels": labels.assign(label=labels["label"].mask(told, turned)),
    }
    without = {**shop, "returns": returns[~mine], "abuse_labels": labels[~told]}
    space = AbuseSpace().fit(shop, held)
    was = space.data(shop, held)
    assert not set(was.order_line_id) & set(held)
    for tables in (blind, without):
        again = AbuseSpace().fit(tables, held)
        same_space(again, space)
        now = again.data(tables, held)
        same(now.X, was.X)
        np.testing.assert_array_equal(now.y, was.y)


def test_a_held_out_line_is_asked_about_as_if_it_had_just_arrived(shop):
    held = shop["returns"]["order_line_id"].sample(60, random_state=5)
    claims = shop["returns"][shop["returns"]["order_line_id"].isin(held)]
    space = AbuseSpace().fit(shop, held)
    asked = space.data(shop, held, claims)
    assert (asked.y == -1).all()
    assert set(asked.order_line_id) == set(held)
    of = asked.X[:, VECTOR.index("claim.line_expected")]
    assert (asked.X[:, VECTOR.index("returns_above_peers.expected")] >= of - 1e-9).all()


def test_as_if_claimed_comes_the_usual_days_after_delivery_and_tells_no_reason(fitted, shop):
    lines = shop["order_lines"].head(50)
    claims = fitted.as_if_claimed(shop, lines["order_line_id"])
    days = fitted.base_[BASE.index("delay_days")]
    arrived = lines["delivered_at"].notna()
    waited = (claims["requested_at"] - lines["delivered_at"])[arrived].dt.total_seconds() / 86_400
    np.testing.assert_allclose(waited, days, rtol=1e-6)
    X = fitted.data(shop, lines["order_line_id"], claims).X
    for name in ("claim.size", "claim.fault", "claim.lost", "claim.changed", "claim.worn"):
        assert np.isnan(X[:, VECTOR.index(name)]).all()


def test_a_model_s_own_decision_is_no_label_and_no_history(fitted, shop, claims):
    labels = shop["abuse_labels"]
    by_model = {**shop, "abuse_labels": labels.assign(decided_by="model")}
    nobody = {k: v for k, v in shop.items() if k != "abuse_labels"}
    now, never = fitted.data(by_model), fitted.data(nobody)
    assert (claims.y >= 0).sum() == len(labels) > 20
    assert (now.y == -1).all()
    same(now.X, never.X)
    assert claims.X[:, VECTOR.index("found_before.observed")].max() > 0


def test_the_inspection_of_the_claim_itself_is_known_only_afterwards(claims, shop):
    hidden = [VECTOR.index(f"claim.{name}") for name in ("worn", "swapped", "gap")]
    assert np.isnan(claims.X[:, hidden]).all()
    known = np.isfinite(claims.seen[:, hidden]).any(axis=1)
    np.testing.assert_array_equal(known, claims.inspected)
    found = shop["returns"].set_index("return_id")["condition"].reindex(claims.ids)
    worn = claims.seen[:, VECTOR.index("claim.worn")] == 1
    np.testing.assert_array_equal(worn, found.eq("worn").to_numpy())


def test_the_order_of_the_rows_changes_nothing(fitted, shop, claims):
    mixed = {k: v.sample(frac=1.0, random_state=2).reset_index(drop=True) for k, v in shop.items()}
    assert AbuseSpace().fit(mixed).base_ == pytest.approx(fitted.base_)
    now = fitted.data(mixed)
    np.testing.assert_array_equal(now.ids, claims.ids)
    same(now.X, claims.X)


def test_pandas_and_polars_give_the_same_vectors(fitted, shop, claims):
    pandas = AbuseSpace("pandas", fitted.prices_, fitted.base_, fitted.shapes_)
    same(pandas.data(shop).X, claims.X)


def test_saved_and_loaded_it_is_the_same_space(fitted, shop, claims, tmp_path):
    fitted.save(tmp_path)
    back = AbuseSpace.load(tmp_path)
    assert back.fingerprint == fitted.fingerprint
    same(back.data(shop).X, claims.X)


def test_money_is_counted_in_the_usual_price_of_its_currency(fitted, shop, claims):
    lines = shop["order_lines"]
    yen = lines["currency"].eq("EUR")
    dear = lines.assign(unit_price=lines["unit_price"].mask(yen, lines["unit_price"] * 160))
    other = {**shop, "order_lines": dear}
    same(AbuseSpace().fit(other).data(other).X, claims.X)


def test_rates_and_shapes_are_usable_in_a_shop_without_a_claim(shop):
    bare = {name: shop[name] for name in ("order_lines", "products")}
    space = AbuseSpace().fit(bare)
    assert np.isfinite(space.base_).all()
    assert (space.base_ > 0).all()
    assert len(space.shapes_) == len(SIGNALS)
    assert len(space.data(bare).ids) == 0
