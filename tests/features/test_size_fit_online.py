from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.events import DAY_US
from features.growth import stature
from features.lines import PERSON_TEXTS, STALE_US, to_micros
from features.positions import AGED, CHILDREN
from features.questions import SizeQuestion
from features.size_fit import VECTOR
from features.size_fit_online import SizeFitLookup, state_items
from features.size_fit_space import RETURN_WINDOW_DAYS
from features.state import SqliteState

SAMPLE = 60
CHILDREN_AT_AGE = f"children|height{AGED}"


def text(value):
    return value if isinstance(value, str) else None


def question(line, at, **other):
    """What the storefront would have asked before this order line."""
    told = {
        "product_id": line["product_id"],
        "asked_at": at.timestamp(),
        "customer_id": line["customer_id"],
        "wearer": text(line["wearer"]) or "self",
        "market": text(line["market"]),
        "occasion": text(line["occasion"]),
    }
    return SizeQuestion(**{**told, **other})


def same(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def asked_at(tables):
    """Right after the last word: nobody was kept waiting for between the two."""
    last = max(
        tables["order_lines"]["ordered_at"].max(),
        tables["returns"]["requested_at"].max(),
        tables["fit_feedback"]["given_at"].max(),
    )
    return last + pd.Timedelta(microseconds=1)


@pytest.fixture(scope="module")
def known(tables, asked_at):
    """The shop as it was known when the questions are asked."""
    bodies = tables["body_measurements"]
    return {**tables, "body_measurements": bodies[bodies["measured_at"] < asked_at]}


@pytest.fixture(scope="module")
def lookup(known, space, tmp_path_factory):
    state = SqliteState(tmp_path_factory.mktemp("online") / "state.db")
    state.replace(state_items(space, known), {})
    yield SizeFitLookup(space, state)
    state.close()


@pytest.fixture(scope="module")
def lines(tables, data):
    """Order lines to ask again: children's and named wearers' among them."""
    order_lines = tables["order_lines"][data.sized]
    child = data.facts.loc[data.sized, "audience"].isin(CHILDREN)
    named = order_lines["wearer"].notna()
    parts = (order_lines[child], order_lines[named], order_lines)
    return pd.concat([part.sample(SAMPLE // 3, random_state=8) for part in parts]).drop_duplicates(
        "order_line_id"
    )


@pytest.fixture(scope="module")
def offline(known, space, lines, asked_at):
    """The same lines, ordered once more when the questions are asked: what training sees."""
    copies = lines.assign(
        order_line_id="copy-" + lines["order_line_id"],
        order_id="copy-" + lines["order_line_id"],
        ordered_at=asked_at,
        delivered_at=pd.to_datetime(pd.Series(pd.NaT, index=lines.index), utc=True),
    )
    orders = pd.concat([known["order_lines"], copies], ignore_index=True)
    data = space.data({**known, "order_lines": orders})
    return data.candidates(np.arange(len(known["order_lines"]), len(orders)))


def test_the_vectors_of_the_service_are_those_of_training(lookup, offline, lines, asked_at):
    contexts = lookup.contexts([question(line, asked_at) for line in lines.to_dict("records")])
    assert [label for context in contexts for label in context.labels] == offline.label.tolist()
    online = np.vstack([context.X for context in contexts])
    np.testing.assert_array_equal(np.isnan(online), np.isnan(offline.X))
    for column, name in enumerate(VECTOR):
        np.testing.assert_allclose(
            online[:, column], offline.X[:, column], rtol=1e-9, atol=1e-9, err_msg=name
        )


def test_the_sample_has_bodies_histories_and_children(offline):
    for name in ("chest_cm", "weight_kg", "child_age", "from_fit", "grown_position"):
        assert np.isfinite(offline.X[:, VECTOR.index(name)]).any()
    for name in ("child", "wearer_unnamed", "product.told_small", "person_scale.orders"):
        assert (offline.X[:, VECTOR.index(name)] > 0).any()


def test_batch_equals_single(lookup, lines, asked_at):
    questions = [question(line, asked_at) for line in lines.head(12).to_dict("records")]
    for context, asked in zip(lookup.contexts(questions), questions, strict=True):
        (alone,) = lookup.contexts([asked])
        assert alone.labels == context.labels
        np.testing.assert_array_equal(alone.X, context.X)


def test_figures_sent_along_are_read_as_figures_on_record(known, space, asked_at, lines, tmp_path):
    told = {"height_cm": 171.0, "weight_kg": 66.0, "chest_cm": 93.0, "cup": "c",
            "fit_preference": "loose"}  # fmt: skip
    record = known["body_measurements"].iloc[:1].copy()
    for column in record.columns.difference(["wearer"]):
        record[column] = told.get(column, pd.NA if column in PERSON_TEXTS else None)
    record = record.assign(customer_id="new", wearer="self", measured_at=asked_at)
    record = record.astype(known["body_measurements"].dtypes.to_dict())
    bodies = pd.concat([known["body_measurements"], record], ignore_index=True)
    with SqliteState(tmp_path / "state.db") as state:
        state.replace(state_items(space, {**known, "body_measurements": bodies}), {})
        lookup = SizeFitLookup(space, state)
        line = lines.iloc[-1].to_dict()
        asked = question(line, asked_at, customer_id="new", wearer="self")
        (on_record,) = lookup.contexts([asked])
        (sent,) = lookup.contexts([replace(asked, customer_id="other", measurements=told)])
    same(sent.X, on_record.X)
    assert np.isfinite(sent.X[:, VECTOR.index("natural")]).all()


def test_a_figure_sent_along_goes_before_the_one_on_record(lookup, known, lines, asked_at):
    people = known["body_measurements"].dropna(subset=["chest_cm"])
    adult = people[people["wearer"].fillna("self").eq("self")].iloc[0]
    products = known["products"]
    audience = {"female": "women", "male": "men"}.get(adult["sex"], "unisex")
    product = products.loc[products["audience"].eq(audience), "product_id"].iloc[0]
    line = {**lines.iloc[0].to_dict(), "product_id": product, "wearer": "self"}
    line["customer_id"] = adult["customer_id"]
    (was,) = lookup.contexts([question(line, asked_at)])
    (now,) = lookup.contexts([question(line, asked_at, measurements={"chest_cm": 123.0})])
    column = VECTOR.index("chest_cm")
    assert (now.X[:, column] == 123.0).all()
    assert (was.X[:, column] != 123.0).all()


def test_one_who_grew_up_is_read_alike_in_training_and_service(known, space, lines, asked_at,
                                                               tmp_path):  # fmt: skip
    """A grown-up of 160 cm, measured long ago, orders a garment for a child."""
    products = known["products"]
    bodies = known["body_measurements"]
    stale = asked_at - pd.Timedelta(microseconds=STALE_US) - pd.Timedelta(days=9)
    record = bodies.iloc[:1].assign(
        customer_id="G", wearer="parent", measured_at=stale, height_cm=160.0, weight_kg=60.0,
        chest_cm=90.0, age_years=40.0, birth_date=None, sex=None,
    ).astype(bodies.dtypes.to_dict())  # fmt: skip
    told = {**known, "body_measurements": pd.concat([bodies, record], ignore_index=True)}
    kids = products.loc[products["audience"].isin(CHILDREN), "product_id"].iloc[0]
    line = lines.head(1).assign(
        order_line_id="G1", order_id="G1", customer_id="G", wearer="parent", product_id=kids,
        size_label=known["product_sizes"].set_index("product_id").loc[kids, "size_label"].iloc[0],
        ordered_at=asked_at, delivered_at=pd.Series(pd.NaT, dtype="datetime64[us, UTC]"),
    )  # fmt: skip
    orders = pd.concat([known["order_lines"], line], ignore_index=True)
    trained = space.data({**told, "order_lines": orders}).candidates(np.array([len(orders) - 1]))
    with SqliteState(tmp_path / "state.db") as state:
        state.replace(state_items(space, told), {})
        (served,) = SizeFitLookup(space, state).contexts(
            [question(line.iloc[0].to_dict(), asked_at)]
        )
    same(served.X, trained.X)


@pytest.fixture(scope="module")
def facts(known, space):
    return space.data(known).facts


@pytest.fixture(scope="module")
def kept_by_children(known, facts):
    """Kept clothes of children of known age whom some order names."""
    last = max(facts["at"].max(), to_micros(known["fit_feedback"]["given_at"]).max(),
               to_micros(known["returns"]["requested_at"]).max())  # fmt: skip
    over = facts["delivered"] + int(RETURN_WINDOW_DAYS * DAY_US)
    back = facts["order_line_id"].isin(known["returns"]["order_line_id"])
    lines = known["order_lines"].set_index("order_line_id")
    told = {name: facts["order_line_id"].map(lines[name]) for name in ("customer_id", "wearer")}
    rows = facts["scale"].eq(CHILDREN_AT_AGE) & over.le(last).fillna(False) & ~back
    kept = facts.assign(**told, market=None)[rows.astype(bool)]
    # Orders that name nobody count for the child they are taken for.
    kept["wearer"] = kept["person"].map(kept.groupby("person")["wearer"].first())
    kept = kept.dropna(subset=["wearer"])
    assert kept["person"].nunique() > 10
    return kept


@pytest.fixture(scope="module")
def asked_again(lookup, facts, kept_by_children, asked_at):
    """One question of each of these children, about clothes of a child of its age."""
    one_each = kept_by_children.drop_duplicates("person", keep="last")
    questions = [question(line, asked_at) for line in one_each.to_dict("records")]
    contexts = lookup.contexts(questions)
    grown = [context.person.get("age_years", np.nan) >= 18 for context in contexts]
    assert not any(grown)
    return one_each.assign(context=contexts).set_index("person")


def test_a_child_of_known_age_is_known_by_the_sizes_it_kept(asked_again):
    for context in asked_again["context"]:
        assert context.kept is not None
        assert np.isfinite(context.kept.above_cm)
        assert context.kept.variance > 0


def test_kept_sizes_above_those_of_the_age_say_a_tall_child(asked_again, kept_by_children, space):
    """Told by the sizes themselves where all have a chart, in cm beside the median of the age."""
    charted = kept_by_children["chart"].eq("published")
    charted = charted.groupby(kept_by_children["person"]).transform("all")
    lines = kept_by_children[charted]
    age = lines["age_years"] + space.ages_.wear_days_ / 365.25
    median, _ = stature(age.to_numpy(), lines["sex"].to_numpy(dtype=object))
    apart = (lines["height_mid"] - median).groupby(lines["person"]).mean()
    said = asked_again["context"].map(lambda context: context.kept.above_cm).loc[apart.index]
    clear = apart.abs() > 3.0  # half a size
    assert min((clear & (apart > 0)).sum(), (clear & (apart < 0)).sum()) >= 2
    assert (np.sign(said[clear]) == np.sign(apart[clear])).all()
    assert said.corr(apart) > 0.9


def test_kept_sizes_are_counted_from_what_others_of_the_age_take(
    asked_again, kept_by_children, space
):
    mean = space.natural_.scales_[CHILDREN_AT_AGE][0][-1]
    lines = kept_by_children.groupby("person")["fair"]
    expected = (lines.mean() - mean) * space.ages_.steps["children|height"]
    said = asked_again["context"].map(lambda context: context.kept.above_cm)
    same(said.to_numpy(), expected.loc[said.index].to_numpy())


def test_the_more_a_child_kept_the_surer_its_sizes_are(asked_again):
    contexts = list(asked_again["context"])
    found = [(c.X[0, VECTOR.index("person_scale.kept")], c.scale, c.kept.variance)
             for c in contexts]  # fmt: skip
    of_scale = pd.DataFrame(found, columns=["kept", "scale", "variance"]).drop_duplicates()
    assert len(set(of_scale["kept"])) > 1
    for _, here in of_scale.groupby("scale"):
        assert here.sort_values("kept")["variance"].is_monotonic_decreasing


def test_a_child_who_kept_nothing_and_grown_ups_have_no_kept_sizes(
    known, space, lookup, facts, asked_again, asked_at, tmp_path
):
    children = [question(line, asked_at) for line in asked_again.to_dict("records")]
    told = {"age_years": 3.0, "sex": "female"}
    new = [replace(each, customer_id="new", measurements=told) for each in children]
    for context in lookup.contexts(new):
        assert context.person["age_years"] < 18
        assert context.kept is None
    lines = known["order_lines"]
    came = lines["delivered_at"].fillna(lines["ordered_at"]) + pd.Timedelta(days=1)
    # Whoever sent everything back has kept nothing, though ordered.
    back = known["returns"].iloc[np.zeros(len(lines), dtype=int)].reset_index(drop=True)
    back = back.assign(order_line_id=lines["order_line_id"].to_numpy(),
                       requested_at=came.to_numpy(), reason="other")  # fmt: skip
    with SqliteState(tmp_path / "state.db") as state:
        state.replace(state_items(space, {**known, "returns": back}), {})
        for context in SizeFitLookup(space, state).contexts(children):
            assert context.X[0, VECTOR.index("person_scale.orders")] > 0
            assert context.kept is None
    grown = lines[~facts["audience"].isin(CHILDREN).to_numpy()]
    contexts = lookup.contexts([question(line, asked_at) for line in grown.to_dict("records")])
    kept = [c.X[0, VECTOR.index("person_scale.kept")] > 0 for c in contexts if c.X is not None]
    assert any(kept)
    assert all(context.kept is None for context in contexts)


def test_only_the_sizes_asked_for_are_looked_up(lookup, lines, asked_at):
    line = lines.iloc[0].to_dict()
    (whole,) = lookup.contexts([question(line, asked_at)])
    wanted = (whole.labels[-1], whole.labels[0], "no such size")
    (part,) = lookup.contexts([question(line, asked_at, candidate_sizes=wanted)])
    assert part.labels == (whole.labels[0], whole.labels[-1])
    np.testing.assert_array_equal(part.X, whole.X[[0, -1]])


def test_an_unknown_product_has_no_vector(lookup, asked_at):
    (context,) = lookup.contexts([SizeQuestion(product_id="gone", asked_at=asked_at.timestamp())])
    assert context.product is None
    assert context.X is None


def test_an_unknown_person_is_read_as_nobody(lookup, lines, asked_at):
    line = lines.iloc[0].to_dict()
    (nobody,) = lookup.contexts([question(line, asked_at, customer_id=None, wearer="self")])
    (stranger,) = lookup.contexts([question(line, asked_at, customer_id="new", wearer="self")])
    np.testing.assert_array_equal(nobody.X, stranger.X)
    assert not nobody.X[:, VECTOR.index("person.orders")].any()
    assert np.isnan(nobody.X[:, VECTOR.index("gap")]).all()


def test_unknown_markets_and_occasions_are_allowed(lookup, lines, asked_at):
    line = {**lines.iloc[0].to_dict(), "market": "ZZ", "occasion": "moon landing"}
    (context,) = lookup.contexts([question(line, asked_at)])
    assert np.isnan(context.X[:, [VECTOR.index("market"), VECTOR.index("occasion")]]).all()


def test_a_half_life_goes_on_between_the_last_event_and_the_question(lookup, lines, asked_at):
    line = lines.iloc[0].to_dict()
    later = asked_at + pd.Timedelta(days=180)
    (now,) = lookup.contexts([question(line, asked_at)])
    (then,) = lookup.contexts([question(line, later)])
    column = VECTOR.index("recent_orders")
    assert (now.X[:, column] > 0).all()
    same(then.X[:, column], now.X[:, column] / 2)


def test_every_product_of_the_shop_can_be_asked(lookup, known, asked_at):
    ids = known["products"]["product_id"].tolist()
    contexts = lookup.contexts(
        [SizeQuestion(product_id=i, asked_at=asked_at.timestamp()) for i in ids]
    )
    sizes = known["product_sizes"].groupby("product_id")["size_label"].apply(set)
    for product_id, context in zip(ids, contexts, strict=True):
        assert context.product is not None
        assert set(context.product.labels) == sizes.get(product_id, set())
        assert (context.X is not None) == context.product.sized


def test_the_state_of_a_shop_without_bodies_or_products_can_be_filled(tables, space):
    bare = {k: v for k, v in tables.items() if k != "body_measurements"}
    bare["products"] = tables["products"].iloc[:0]
    bare["product_sizes"] = tables["product_sizes"].iloc[:0]
    assert dict(state_items(space, bare))


def test_the_state_does_not_depend_on_the_order_of_the_rows(tables, shuffled, space):
    one, other = dict(state_items(space, tables)), dict(state_items(space, shuffled))
    assert one.keys() == other.keys()
    sums = [key for key in one if not key.split("\x1f")[0].endswith("_facts")]
    for key in sums:
        same(np.frombuffer(one[key]), np.frombuffer(other[key]))
    assert all(one[key] == other[key] for key in one.keys() - set(sums))


def test_the_moment_asked_is_after_all_that_is_known(tables, asked_at):
    """Else a line would count as kept in training and not yet in the service."""
    known_until = to_micros(tables["fit_feedback"]["given_at"]).max()
    assert to_micros(pd.Series([asked_at])).iloc[0] > known_until
