from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.people_online import people_items
from features.personal_keys import names_customer
from features.positions import CHILDREN
from features.questions import BasketLine, BasketQuestion, Delivered
from features.return_risk import DELIVERY, FACTS, VECTOR, VECTORS
from features.return_risk_online import ReturnRiskLookup, state_items
from features.return_risk_space import ReturnRiskSpace
from features.state import KEY_SEPARATOR, SqliteState
from pipelines.importers.fashion_returns import import_file
from pipelines.load import load_tables

FASHION = Path(__file__).parents[3] / "shared" / "data" / "fashion_returns.parquet"
BASKETS = 40


def text(value):
    return value if isinstance(value, str) else None


def seconds(moment):
    return None if pd.isna(moment) else moment.timestamp()


def number(value):
    return None if pd.isna(value) else float(value)


def line_of(row, delivered=False):
    came = None
    if delivered and not pd.isna(row["delivered_at"]):
        came = Delivered(
            ordered_at=seconds(row["ordered_at"]),
            delivered_at=seconds(row["delivered_at"]),
            promised_at=seconds(row["promised_at"]),
            shipped_weight_g=number(row["shipped_weight_g"]),
        )
    return BasketLine(
        product_id=row["product_id"],
        size_label=text(row["size_label"]),
        colour=text(row["colour"]),
        quantity=int(row["quantity"]),
        unit_price=number(row["unit_price"]),
        delivered=came,
    )


def basket(lines, at):
    """What the storefront would have asked of this order."""
    rows = lines.to_dict("records")
    return BasketQuestion(
        lines=tuple(line_of(row) for row in rows),
        asked_at=at.timestamp(),
        customer_id=rows[0]["customer_id"],
        wearer=text(rows[0]["wearer"]) or "self",
        market=text(rows[0]["market"]),
        currency=text(rows[0]["currency"]),
    )


def baskets(lines, at=None):
    """One question per order, its lines in the order of the table."""
    return [
        basket(part, part["ordered_at"].iloc[0] if at is None else at)
        for _, part in lines.groupby("order_id", sort=False)
    ]


def compare(online, offline, names=VECTOR):
    np.testing.assert_array_equal(np.isnan(online), np.isnan(offline))
    for column, name in enumerate(names):
        np.testing.assert_allclose(
            online[:, column], offline[:, column], rtol=1e-9, atol=1e-9, err_msg=name
        )


def lookup_in(folder, space, tables):
    state = SqliteState(folder / "state.db")
    state.replace(state_items(space, tables), {})
    return ReturnRiskLookup(space, state), state


@pytest.fixture(scope="module")
def risk_space(tables):
    return ReturnRiskSpace().fit(tables)


@pytest.fixture(scope="module")
def asked_at(tables):
    """Right after the last word, so that nothing becomes known between it and the question."""
    last = max(tables["order_lines"]["ordered_at"].max(), tables["returns"]["requested_at"].max())
    return last + pd.Timedelta(microseconds=1)


@pytest.fixture(scope="module")
def known(tables, asked_at):
    bodies = tables["body_measurements"]
    return {**tables, "body_measurements": bodies[bodies["measured_at"] < asked_at]}


@pytest.fixture(scope="module")
def lookup(known, risk_space, tmp_path_factory):
    lookup, state = lookup_in(tmp_path_factory.mktemp("risk"), risk_space, known)
    yield lookup
    state.close()


@pytest.fixture(scope="module")
def again(known, asked_at):
    """Orders placed once more when the questions are asked: large, for children, with wearers."""
    lines = known["order_lines"]
    size = lines.groupby("order_id")["order_line_id"].transform("size")
    for_children = known["products"].set_index("product_id")["audience"].isin(CHILDREN)
    child = lines["product_id"].map(for_children).astype(bool)
    picked = [
        part["order_id"].drop_duplicates().sample(BASKETS // 4, random_state=8)
        for part in (lines[size > 2], lines[child], lines[lines["wearer"].notna()], lines)
    ]
    # One basket has one wearer.
    one = lines.groupby("order_id")["wearer"].transform(lambda w: w.fillna("self").nunique()) == 1
    copies = lines[lines["order_id"].isin(pd.concat(picked)) & one]
    return copies.assign(
        order_line_id="copy-" + copies["order_line_id"],
        order_id="copy-" + copies["order_id"],
        ordered_at=asked_at,
        delivered_at=pd.to_datetime(pd.Series(pd.NaT, index=copies.index), utc=True),
    )


def joined(tables, lines):
    return {**tables, "order_lines": pd.concat([tables["order_lines"], lines], ignore_index=True)}


def rows_of(data, ids):
    return pd.Series(np.arange(len(data.ids)), index=data.ids).loc[list(ids)].to_numpy()


def in_order(lines):
    return pd.concat([part for _, part in lines.groupby("order_id", sort=False)])


@pytest.fixture(scope="module")
def offline(known, risk_space, again):
    data = risk_space.data(joined(known, again))
    return data.X[rows_of(data, in_order(again)["order_line_id"])]


def test_the_vectors_of_the_service_are_those_of_training(lookup, again, offline, asked_at):
    contexts = lookup.contexts(baskets(again, asked_at))
    compare(np.vstack([context.X for context in contexts]), offline)


def test_the_sample_has_bodies_histories_and_shared_baskets(offline):
    for name in ("gap", "from_kept", "tenure_days", "brand.price_ratio"):
        assert np.isfinite(offline[:, VECTOR.index(name)]).any(), name
    for name in ("customer.returned", "customer_product.orders", "product.too_small_share"):
        assert (offline[:, VECTOR.index(name)] > 0).any(), name
    for name in ("basket_lines", "same_category"):
        assert (offline[:, VECTOR.index(name)] > 1).any(), name


@pytest.mark.public_data
@pytest.mark.skipif(not FASHION.exists(), reason="the public orders are not here")
def test_real_baskets_of_a_day_asked_on_the_state_of_the_day_before(tmp_path):
    raw = pd.read_parquet(FASHION)
    usual = raw["user_id"].value_counts().index[:400]
    raw = raw[raw["user_id"].isin(usual)].head(3000)
    raw.to_parquet(tmp_path / "some.parquet")
    import_file(tmp_path / "some.parquet", tmp_path / "tables")
    tables = load_tables(str(tmp_path / "tables"))
    space = ReturnRiskSpace().fit(tables)
    data = space.data(tables)
    lines = tables["order_lines"]
    days = lines["ordered_at"].drop_duplicates().sort_values()
    checked = 0
    for day in days.iloc[[-40, -20, -1]]:
        placed = lines["ordered_at"] < day
        before = lines[placed].copy()
        returns = tables["returns"]
        cut = {
            **tables,
            "order_lines": before,
            "returns": returns[returns["requested_at"] < day],
        }
        todays = in_order(lines[lines["ordered_at"] == day])
        folder = tmp_path / str(day.date())
        lookup, state = lookup_in(folder, space, cut)
        with state:
            contexts = lookup.contexts(baskets(todays))
        compare(
            np.vstack([context.X for context in contexts]),
            data.X[rows_of(data, todays["order_line_id"])],
        )
        checked += len(todays)
    assert checked > 5


def test_a_delivered_line_has_the_vector_of_training(known, risk_space, asked_at, tmp_path):
    """Lines that arrive at the moment of the question, which the state knows as orders."""
    lines, returns = known["order_lines"], known["returns"]
    never = pd.Series(pd.NaT, index=lines.index, dtype="datetime64[us, UTC]")
    open_ = lines[lines["promised_at"].notna()].sort_values("ordered_at").tail(25)
    now = lines["order_line_id"].isin(open_["order_line_id"])
    # One more order right before the question, so that all up to it is told of, and one after it.
    told = lines.head(1).assign(
        order_line_id="told", order_id="told", ordered_at=asked_at - pd.Timedelta(microseconds=1)
    ).assign(delivered_at=never)  # fmt: skip
    later = told.assign(
        order_line_id="later", order_id="later", ordered_at=asked_at + pd.Timedelta(days=1)
    )
    shop = {**known, "returns": returns[~returns["order_line_id"].isin(open_["order_line_id"])]}
    undelivered = lines.assign(delivered_at=lines["delivered_at"].mask(now))
    arrived = lines.assign(delivered_at=lines["delivered_at"].mask(now, asked_at))
    full = joined(joined({**shop, "order_lines": arrived}, told), later)
    data = risk_space.data(full, moment="delivered")
    # The body is the one of the day of the order: only lines whose wearer was not measured since.
    bodies = known["body_measurements"].groupby("customer_id")["measured_at"].max()
    fresh = open_["customer_id"].map(bodies)
    chosen = arrived[arrived["order_line_id"].isin(
        open_.loc[~(fresh > open_["ordered_at"]), "order_line_id"]
    )]  # fmt: skip
    alone = chosen[~arrived["order_id"].duplicated(keep=False).loc[chosen.index]]
    assert len(alone) > 5
    lookup, state = lookup_in(
        tmp_path, risk_space, joined({**shop, "order_lines": undelivered}, told)
    )
    with state:
        asked = [
            replace(basket(part, asked_at), lines=(line_of(part.iloc[0], delivered=True),))
            for _, part in alone.groupby("order_line_id", sort=False)
        ]
        contexts = lookup.contexts(asked)
    online = np.vstack([np.hstack([context.X, context.delivery]) for context in contexts])
    compare(online, data.X[rows_of(data, alone["order_line_id"])], VECTORS["delivered"])
    assert np.isfinite(online[:, VECTORS["delivered"].index("delay_days")]).all()


def test_a_basket_alone_equals_the_same_basket_among_others(lookup, again, asked_at):
    asked = baskets(again, asked_at)
    for context, question in zip(lookup.contexts(asked), asked, strict=True):
        (alone,) = lookup.contexts([question])
        np.testing.assert_array_equal(alone.X, context.X)
        np.testing.assert_array_equal(alone.facts, context.facts)
        assert alone.colours == context.colours
        np.testing.assert_array_equal(alone.recoloured, context.recoloured)
        for name, sums in alone.sums.items():
            np.testing.assert_array_equal(sums, context.sums[name])


def test_another_colour_is_judged_as_if_the_line_had_it(lookup, again, asked_at):
    asked = baskets(again, asked_at)
    judged = 0
    for question, context in zip(asked, lookup.contexts(asked), strict=True):
        for other, row in zip(context.colours, context.recoloured, strict=True):
            lines = list(question.lines)
            lines[other.line] = replace(lines[other.line], colour=other.label)
            (taken,) = lookup.contexts([replace(question, lines=tuple(lines))])
            np.testing.assert_allclose(taken.X[other.line], row, rtol=1e-12)
            judged += 1
    assert judged > 10


def test_state_is_read_twice_whatever_the_number_of_baskets(known, risk_space, again, asked_at):
    items, reads = dict(state_items(risk_space, known)), []

    class Counting:
        def get_many(self, keys):
            reads.append(len(keys))
            assert len(set(keys)) == len(keys)
            return {key: items[key] for key in keys if key in items}

    lookup = ReturnRiskLookup(risk_space, Counting())
    assert len(lookup.contexts(baskets(again, asked_at))) > 20
    assert len(reads) == 2
    assert lookup.contexts([]) == []
    (nothing,) = lookup.contexts([BasketQuestion(lines=(), asked_at=asked_at.timestamp())])
    assert nothing.X.shape == (0, len(VECTOR))


def test_nothing_known_is_answered_with_zeros_and_nan(lookup, asked_at):
    question = BasketQuestion(
        lines=(BasketLine(product_id="gone", size_label="M", unit_price=10.0),),
        asked_at=asked_at.timestamp(),
        customer_id="nobody",
        market="ZZ",
        currency="XAU",
    )
    (context,) = lookup.contexts([question])
    fact = dict(zip(FACTS, context.facts[0], strict=True))
    assert context.goods == (None,)
    assert context.orders("customer", 0) == context.orders("product", 0) == 0
    assert fact["price"] == 10.0
    for name in ("category", "brand", "market", "position", "gap", "tenure_days"):
        assert np.isnan(fact[name]), name
    assert context.delivery[0].tolist()[0] == 0.0
    assert np.isnan(context.delivery[0, 1:]).all()
    # The size is known from other products.
    assert context.sums["size"][0, 0] > 0


def test_a_line_without_a_price_has_the_price_on_record(lookup, again, asked_at):
    question = baskets(again, asked_at)[0]
    (goods,) = lookup.goods([question.lines[0].product_id])
    assert goods is not None
    assert goods.price is not None
    bare = replace(question, lines=(replace(question.lines[0], unit_price=None),))
    priced = replace(bare, lines=(replace(bare.lines[0], unit_price=goods.price),))
    priced = replace(priced, currency=goods.currency)
    one, other = lookup.contexts([bare, priced])
    np.testing.assert_array_equal(one.X, other.X)


def test_labels_are_read_however_they_are_written(lookup, again, asked_at):
    question = next(
        q for q in baskets(again, asked_at) if all(x.size_label and x.colour for x in q.lines)
    )
    shouted = tuple(
        replace(x, size_label=f" {x.size_label.upper()} ", colour=x.colour.upper())
        for x in question.lines
    )
    one, other = lookup.contexts([question, replace(question, lines=shouted)])
    np.testing.assert_array_equal(one.X, other.X)


def test_goods_are_told_in_the_order_asked(lookup, known):
    ids = known["products"]["product_id"].tolist()[:5]
    found = lookup.goods([*ids, "gone", ids[0]])
    assert found[5] is None
    assert [each.product_id for each in found if each] == [*ids, ids[0]]
    sizes = known["product_sizes"].groupby("product_id")["size_label"].apply(set)
    for each in found[:5]:
        assert {size.label for size in each.sizes} == sizes.get(each.product_id, set())


def test_every_key_begins_with_the_model_or_is_of_a_person(known, risk_space):
    items = dict(state_items(risk_space, known))
    people = dict(people_items(known["body_measurements"]))
    assert people
    assert {key.split(KEY_SEPARATOR)[0] for key in items.keys() - people.keys()} == {"return_risk"}
    kinds = {key.split(KEY_SEPARATOR)[1] for key in items.keys() - people.keys()}
    assert {"goods", "buyer", "product", "customer", "customer_scale"} <= kinds


def test_everything_of_a_buyer_is_under_keys_that_name_it(known, risk_space):
    who = known["order_lines"]["customer_id"].value_counts().index[0]
    mine = {
        key.split(KEY_SEPARATOR)[1]
        for key, value in state_items(risk_space, known)
        if names_customer(key.split(KEY_SEPARATOR), who) or who.encode() in value
    }
    assert {"customer", "customer_product", "customer_scale", "buyer"} <= mine


def test_a_shop_of_orders_and_products_only_has_a_state(tables, tmp_path, asked_at):
    bare = {name: tables[name] for name in ("order_lines", "products", "product_sizes")}
    space = ReturnRiskSpace().fit(bare)
    lookup, state = lookup_in(tmp_path, space, bare)
    with state:
        line = bare["order_lines"].tail(1)
        (context,) = lookup.contexts([basket(line, asked_at)])
    assert context.goods[0] is not None
    assert context.delivery.shape == (1, len(DELIVERY))
