import numpy as np
import pandas as pd
import pytest

from features.abuse import VECTOR
from features.abuse_online import AbuseLookup, state_items
from features.abuse_space import AbuseSpace
from features.order_records import order_items
from features.personal_keys import names_customer
from features.questions import ClaimQuestion
from features.state import SqliteState
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def shop():
    """A shop with claims enough that accounts, links and inspections have a history."""
    return simulate(4500, seed=21).tables


@pytest.fixture(scope="module")
def abuse_space(shop):
    return AbuseSpace().fit(shop)


def text(value):
    return None if pd.isna(value) else value


def question(row, **other):
    told = {
        "order_line_id": row["order_line_id"],
        "customer_id": row.get("customer_id"),
        "reason": row["reason"],
        "requested_at": row["requested_at"].timestamp(),
        "quantity": int(row["quantity"]),
        "return_id": row["return_id"],
    }
    return ClaimQuestion(**{**told, **other})


def inspected(row):
    weight = row["returned_weight_g"]
    return question(
        row,
        condition=text(row["condition"]),
        returned_weight_g=None if pd.isna(weight) else float(weight),
    )


def filled(folder, space, tables):
    state = SqliteState(folder / "state.db")
    state.replace([*state_items(space, tables), *order_items(tables)], {})
    return state


@pytest.fixture(scope="module")
def lookup(shop, abuse_space, tmp_path_factory):
    state = filled(tmp_path_factory.mktemp("abuse"), abuse_space, shop)
    yield AbuseLookup(abuse_space, state)
    state.close()


@pytest.fixture(scope="module")
def new_claims(shop):
    """Claims made after all that is on record, on lines with and without an earlier claim."""
    lines = shop["order_lines"]
    busy = lines["customer_id"].map(lines["customer_id"].value_counts())
    sample = pd.concat(
        [lines[busy > 12].sample(120, random_state=1), lines.sample(120, random_state=2)]
    ).drop_duplicates("order_line_id")
    claimed = shop["returns"].sample(60, random_state=3)["order_line_id"]
    sample = pd.concat([sample, lines[lines["order_line_id"].isin(claimed)]]).drop_duplicates(
        "order_line_id"
    )
    last = max(
        shop["returns"][["requested_at", "received_at"]].max().max(),
        shop["abuse_labels"]["decided_at"].max(),
        lines["delivered_at"].max(),
    )
    rng = np.random.default_rng(4)
    n = len(sample)
    weight = sample["shipped_weight_g"].to_numpy() * rng.choice([1.0, 0.3], n)
    return pd.DataFrame(
        {
            "return_id": [f"new-{i}" for i in range(n)],
            "order_line_id": sample["order_line_id"].to_numpy(),
            "requested_at": last + pd.to_timedelta(rng.integers(1, 10**12, n), unit="us"),
            "received_at": pd.Series(pd.NaT, index=range(n), dtype="datetime64[us, UTC]"),
            "reason": rng.choice(["too_small", "not_received", "wrong_item", "changed_mind"], n),
            "quantity": 1,
            "condition": rng.choice(["as_new", "worn", "empty"], n),
            "returned_weight_g": weight,
        }
    )


def compare(online, offline):
    np.testing.assert_array_equal(np.isnan(online), np.isnan(offline))
    for column, name in enumerate(VECTOR):
        # Days apart come from a difference of squares of days since 2020.
        loose = 1e-4 if "opened" in name else 1e-8
        np.testing.assert_allclose(
            online[:, column], offline[:, column], rtol=loose, atol=loose, err_msg=name
        )


def test_the_vectors_of_new_claims_are_those_of_training(lookup, abuse_space, shop, new_claims):
    data = abuse_space.data(shop, claims=new_claims)
    rows = new_claims.set_index("return_id").loc[data.ids].reset_index().to_dict("records")
    compare(np.array([c.x for c in lookup.contexts([question(r) for r in rows])]), data.X)
    compare(np.array([c.x for c in lookup.contexts([inspected(r) for r in rows])]), data.seen)


def test_a_claim_on_record_is_no_precedent_of_itself(lookup, abuse_space, shop):
    data = abuse_space.data(shop)
    recent = np.flatnonzero(data.at > data.at.max() - 100 * 86_400_000_000)
    rows = shop["returns"].set_index("return_id").loc[data.ids[recent]].reset_index()
    rows = rows.to_dict("records")
    assert len(rows) > 50
    compare(np.array([c.x for c in lookup.contexts([question(r) for r in rows])]), data.X[recent])
    nameless = [question(r, return_id=None) for r in rows]
    compare(np.array([c.x for c in lookup.contexts(nameless)]), data.X[recent])


def test_the_sample_has_links_faults_and_repeated_claims(abuse_space, shop, new_claims):
    X = pd.DataFrame(abuse_space.data(shop, claims=new_claims).seen, columns=VECTOR)
    for name in ("linked.accounts", "claim.repeat", "claim.changed", "claim.lost", "claim.worn",
                 "claim.swapped", "faults_above_products.surprise", "opened_together.surprise",
                 "account.extra_share"):  # fmt: skip
        assert (X[name] > 0).any(), name


def test_batch_equals_single(lookup, new_claims):
    asked = [question(row) for row in new_claims.head(12).to_dict("records")]
    for context, each in zip(lookup.contexts(asked), asked, strict=True):
        (alone,) = lookup.contexts([each])
        np.testing.assert_array_equal(alone.x, context.x)


def test_unknown_line_and_customer_are_answered(lookup):
    asked = [
        ClaimQuestion(order_line_id="never", customer_id=who, reason="other", requested_at=1.8e9)
        for who in (None, "nobody")
    ]
    for context in lookup.contexts(asked):
        assert context.order is None
        assert context.x.shape == (len(VECTOR),)
        assert context.x[VECTOR.index("account.delivered")] == 0
    assert lookup.contexts([]) == []


def test_every_key_of_the_model_begins_with_its_name(abuse_space, shop):
    assert {key.split("\x1f")[0] for key, _ in state_items(abuse_space, shop)} == {"abuse"}


def test_a_shop_without_customers_returns_and_labels_has_a_state(shop, tmp_path):
    bare = {name: shop[name] for name in ("order_lines", "products")}
    space = AbuseSpace().fit(bare)
    with filled(tmp_path, space, bare) as state:
        line = bare["order_lines"].iloc[0]
        (context,) = AbuseLookup(space, state).contexts([
            ClaimQuestion(order_line_id=line["order_line_id"], customer_id=line["customer_id"],
                          reason="other", requested_at=1.8e9)])  # fmt: skip
    assert context.order is not None
    assert context.order.product_id == line["product_id"]


def test_everything_of_an_account_is_under_keys_that_name_it(abuse_space, shop):
    lines = shop["order_lines"]
    who = lines["customer_id"].value_counts().index[0]
    mine = {
        key.split("\x1f")[1]
        for key, _ in state_items(abuse_space, shop)
        if names_customer(key.split("\x1f"), who)
    }
    assert {"account", "customer", "claim", "account_address", "account_device"} <= mine
