"""Vectors built out of core are those of the shop in memory."""

import json

import numpy as np
import polars as pl
import pytest

from data_contracts.errors import BadInputError
from data_contracts.readers import read_tables, write_tables
from features import abuse, return_risk, size_fit
from features.abuse_space import AbuseSpace
from features.engines import collected
from features.histories import final_state
from features.return_risk_space import ReturnRiskSpace
from features.size_fit_space import SizeFitSpace
from models.size_fit import SizeFit
from models.vectors_on_disk import VectorParts
from pipelines import fit_size
from pipelines.build_features import build, known_until
from pipelines.model_vectors import VECTORS
from pipelines.shop_chunks import ShopTables, cut, sampled
from pipelines.simulate import simulate

SPACES = {"size_fit": SizeFitSpace, "return_risk": ReturnRiskSpace, "abuse": AbuseSpace}
DECLARED = {"size_fit": size_fit, "return_risk": return_risk, "abuse": abuse}
LINES, PER_CHUNK = 900, 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A shop of which order lines and returns lie in parts, by month as Spark writes them."""
    folder = tmp_path_factory.mktemp("shop")
    write_tables(simulate(LINES, seed=5).tables, folder)
    for name, time in (("order_lines", "ordered_at"), ("returns", "requested_at")):
        rows = pl.read_parquet(folder / f"{name}.parquet")
        (folder / f"{name}.parquet").unlink()
        months = rows.with_columns(month=pl.col(time).dt.strftime("%Y-%m"))
        for (month,), part in months.partition_by("month", as_dict=True, include_key=False).items():
            path = folder / name / f"month={month}"
            path.mkdir(parents=True)
            part.write_parquet(path / "part-0.parquet")
    return folder


@pytest.fixture(scope="module")
def shop(folder, tmp_path_factory):
    return ShopTables.open(folder, tmp_path_factory.mktemp("spare"))


@pytest.fixture(scope="module")
def chunks(shop, tmp_path_factory):
    return cut(shop, tmp_path_factory.mktemp("chunks"), per_chunk=PER_CHUNK)


@pytest.fixture(scope="module")
def tables(shop):
    """The same tables in memory, whole."""
    return sampled(shop, 10 * LINES)


@pytest.fixture(scope="module", params=list(SPACES))
def model(request):
    return request.param


@pytest.fixture(scope="module")
def space(model, tables):
    return SPACES[model]().fit(tables)


@pytest.fixture(scope="module")
def built(model, space, shop, chunks, tmp_path_factory):
    out = tmp_path_factory.mktemp("built")
    told = build(model, space, chunks, out, until=known_until(model, shop), memory=1 << 16)
    return out / model, told


@pytest.fixture(scope="module")
def data(space, tables):
    return space.data(tables)


def assert_same_rows(folder, data, key="order_line_id"):
    """A folder of parts holds the lines, or claims, of data in memory."""
    parts = pl.read_parquet(folder / "part-*.parquet")
    assert len(parts) == len(data.X)
    place = {each: i for i, each in enumerate(parts[key].to_list())}
    rows = [place[each] for each in data.ids]
    names = VectorParts.open(folder, parts.columns[: data.X.shape[1]]).names
    got = parts.select(names).to_numpy()[rows]
    np.testing.assert_allclose(got, data.X, rtol=1e-9, atol=1e-9)
    assert parts["y"].to_numpy()[rows].tolist() == data.y.tolist()
    assert parts["at"].to_numpy()[rows].tolist() == data.at.tolist()
    assert parts["y"].dtype == parts["at"].dtype == pl.Int64


def test_vectors_equal_those_of_the_shop_in_memory(model, space, tables, built, data):
    folder, told = built
    assert told.rows == len(data.X)
    assert told.parts >= 3
    assert_same_rows(folder, data, "return_id" if model == "abuse" else "order_line_id")
    if model == "return_risk":
        late = space.data(tables, moment="delivered")
        assert (late.at > data.at).mean() > 0.5
        assert_same_rows(folder / "delivered", late)
        assert told.beside == {"delivered": len(late.X)}


@pytest.mark.parametrize("model", ["size_fit"], indirect=True, scope="module")
def test_size_sets_are_set_on_the_sizes_they_are_set_on_in_memory(tables, built, data, monkeypatch):
    given = {}

    class Noting(SizeFit):
        def fit(self, X, y, **told):
            given.update(told)
            return self

    monkeypatch.setattr(fit_size, "SizeFit", Noting)
    monkeypatch.setattr(SizeFitSpace, "fit_data", lambda *_: data)
    fit_size.fit_size_fit(tables)
    expected = given["candidates"]
    known = np.flatnonzero((data.y >= 0) & data.sized)[expected.line]

    folder, told = built
    sizes = pl.read_parquet(folder / "candidates" / "part-*.parquet")
    assert told.beside["candidates"] == len(sizes)
    rows = {
        name: sizes.filter(order_line_id=name).select(size_fit.VECTOR).to_numpy()
        for name in sizes["order_line_id"].unique()
    }
    # In memory the oldest moment is cut through; here whole orders count.
    at = dict(zip(data.ids, data.at, strict=True))
    more = set(rows) - set(data.ids[known])
    assert {at[each] for each in more} <= {data.at[known].min()}
    for line in np.unique(expected.line):
        theirs, name = expected.line == line, data.ids[known[expected.line == line][0]]
        np.testing.assert_allclose(rows[name], expected.X[theirs], rtol=1e-9, atol=1e-9)
        built_line = sizes.filter(order_line_id=name)
        assert built_line["label"].to_list() == expected.label[theirs].tolist()
        assert built_line["chosen"].to_list() == expected.chosen[theirs].tolist()
    waiting = pl.read_parquet(folder / "candidates" / "waiting" / "part-*.parquet")
    settled = dict(zip(data.ids, data.y >= 0, strict=True))
    assert not any(settled[each] for each in waiting["order_line_id"])
    assert {at[each] >= data.at[known].min() for each in waiting["order_line_id"]} == {True}


def test_the_stored_sums_are_those_of_all_events(model, data, built):
    folder, told = built
    events = data.events
    known = json.loads((folder / "state" / "moment.json").read_text())
    assert known["until"] == told.until
    for history in DECLARED[model].HISTORIES:
        got = pl.read_parquet(folder / "state" / f"{history.name}.parquet")
        expected = collected(final_state(history, events)).to_polars()
        both = expected.join(got, on=list(history.key), suffix="_got", how="left")
        for column in history.columns:
            np.testing.assert_allclose(
                both[f"{column}_got"], both[column], rtol=1e-9, atol=1e-12, err_msg=column
            )
        assert got.select(history.key).is_unique().all()


def test_orders_are_never_cut_through(chunks):
    held = [set(chunks.tables(i)["order_lines"]["order_id"]) for i in range(len(chunks))]
    assert len(held) >= 3
    assert sum(map(len, held)) == len(set().union(*held))


def test_every_good_line_is_in_one_chunk(chunks, tables):
    ids = [i for c in range(len(chunks)) for i in chunks.tables(c)["order_lines"]["order_line_id"]]
    assert sorted(ids) == sorted(tables["order_lines"]["order_line_id"])
    assert chunks.lines == len(ids)


def test_a_sample_has_customers_whole(shop, tables):
    lines = sampled(shop, LINES // 3)["order_lines"]
    assert 0 < len(lines) < LINES
    all_lines = tables["order_lines"]
    theirs = all_lines[all_lines["customer_id"].isin(set(lines["customer_id"]))]
    assert set(theirs["order_line_id"]) == set(lines["order_line_id"])


def test_a_folder_of_csv_is_read_too(tables, folder, tmp_path):
    for name, table in read_tables(folder, ["products", "product_sizes", "customers"]).items():
        table.drop(columns="colours", errors="ignore").to_csv(tmp_path / f"{name}.csv", index=False)
    tables["order_lines"].to_csv(tmp_path / "order_lines.csv", index=False)
    shop = ShopTables.open(tmp_path, tmp_path / "spare")
    assert cut(shop, tmp_path / "chunks", per_chunk=PER_CHUNK).lines == len(tables["order_lines"])


def test_a_table_that_is_missing_is_named(tmp_path):
    with pytest.raises(BadInputError, match="lacks products, product_sizes, order_lines"):
        ShopTables.open(tmp_path, tmp_path / "spare")


def test_a_folder_of_something_else_is_left_alone(space, model, chunks, tmp_path):
    for place in ("state", *VECTORS[model].folders):
        (tmp_path / model / place).mkdir(parents=True)
    (tmp_path / model / "notes.txt").write_text("mine")
    with pytest.raises(BadInputError, match=r"holds notes\.txt, which"):
        build(model, space, chunks, tmp_path, until=0)
    assert (tmp_path / model / "notes.txt").read_text() == "mine"
