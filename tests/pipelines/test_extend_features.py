"""Yesterday's sums and today's events give what a build of everything gives."""

import json

import numpy as np
import polars as pl
import pytest

from data_contracts.errors import BadInputError
from data_contracts.readers import write_tables
from features.abuse_space import AbuseSpace
from features.return_risk_space import ReturnRiskSpace
from features.size_fit_space import SizeFitSpace
from pipelines import size_candidates
from pipelines.build_features import build, known_until
from pipelines.extend_features import extend, stands_for
from pipelines.model_vectors import CANDIDATES, DELIVERED, LINES, VECTORS, WAITING
from pipelines.shop_chunks import ShopTables, cut
from pipelines.simulate import simulate

SPACES = {"size_fit": SizeFitSpace, "return_risk": ReturnRiskSpace, "abuse": AbuseSpace}
MOMENTS = {
    "body_measurements": "measured_at",
    "order_lines": "ordered_at",
    "returns": "requested_at",
    "fit_feedback": "given_at",
    "abuse_labels": "decided_at",
}
PER_CHUNK = 250


def yesterday(tables, moment):
    """The tables as they were at a moment."""
    were = dict(tables)
    for name, column in MOMENTS.items():
        were[name] = tables[name][tables[name][column] <= moment].reset_index(drop=True)
    lines, returns = were["order_lines"].copy(), were["returns"].copy()
    for column in ("shipped_at", "delivered_at"):
        lines[column] = lines[column].where(lines[column] <= moment)
    back = returns["received_at"] <= moment
    for column in ("received_at", "condition", "returned_weight_g"):
        returns[column] = returns[column].where(back)
    for column in ("resolution", "refund_amount", "closed_at"):
        returns[column] = returns[column].where(returns["closed_at"] <= moment)
    return were | {"order_lines": lines, "returns": returns}


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """All tables, and the shop as it was before and as it is."""
    tables = simulate(420, seed=5).tables
    moment = tables["order_lines"]["ordered_at"].sort_values().iloc[370]
    opened = {}
    for day, frames in (("before", yesterday(tables, moment)), ("now", tables)):
        folder = tmp_path_factory.mktemp(day)
        write_tables(frames, folder)
        opened[day] = ShopTables.open(folder, folder / "spare")
    return tables, opened["before"], opened["now"]


@pytest.fixture(scope="module")
def chunks(shops, tmp_path_factory):
    """Both shops cut for builds of everything."""
    return [cut(shop, tmp_path_factory.mktemp("c"), per_chunk=PER_CHUNK) for shop in shops[1:]]


def read(folder, *key):
    rows = pl.read_parquet(folder / "part-*.parquet")
    assert rows.select(key).is_unique().all()
    return rows.sort(*key)


def assert_same_rows(got, expected):
    assert got.columns == expected.columns
    for name, dtype in expected.schema.items():
        if dtype == pl.Float64:
            np.testing.assert_allclose(got[name], expected[name], rtol=1e-9, atol=1e-9)
        else:
            assert got[name].to_list() == expected[name].to_list(), name


@pytest.mark.parametrize(("name", "limit"), [*((name, None) for name in SPACES), ("size_fit", 10)])
def test_the_sums_of_yesterday_and_the_events_since_give_a_whole_build(
    name, limit, shops, chunks, tmp_path, monkeypatch
):
    if limit:
        monkeypatch.setattr(size_candidates, "CALIBRATION_LINES", limit)
    tables, before, now = shops
    space, key = SPACES[name]().fit(tables), VECTORS[name].key
    build(name, space, chunks[0], tmp_path / "step", until=known_until(name, before))
    old, *old_beside = (read(tmp_path / "step" / name / place, *keys)
                        for place, keys in folders_of(name).items())  # fmt: skip
    since = stands_for(tmp_path / "step", name)
    assert since == known_until(name, before)
    told = extend(name, space, now, tmp_path / "step", tmp_path / "spare", per_chunk=PER_CHUNK)
    build(name, space, chunks[1], tmp_path / "whole", until=known_until(name, now))

    for place, keys in folders_of(name).items():
        new, expected = (read(tmp_path / each / name / place, *keys) for each in ("step", "whole"))
        assert_same_rows(new, expected)
        if place == LINES:
            got = new
            assert told.rows == len(got) > len(old) > 0
        else:
            assert told.beside[place] == len(new)
    if name == "return_risk":
        late = old_beside[0].join(new, on=key, suffix="_now")
        assert (late["at"] < late["at_now"]).any(), "no parcel of before arrived since"
    if limit:
        chosen = [read(tmp_path / "step" / name / place, key, "label")[key].n_unique()
                  for place in (CANDIDATES, WAITING)]  # fmt: skip
        assert chosen == [limit, limit], "the lot leaves no line out"
    elif name == "size_fit":
        now_settled = read(tmp_path / "step" / name / CANDIDATES, key, "label")
        waited = old_beside[1].join(now_settled, on=key, how="semi")
        assert len(waited), "no line that waited was settled since"
    both = old.join(got, on=key, suffix="_now")
    if name != "abuse":
        assert (both["y"] != both["y_now"]).any(), "nothing was settled since"
    folders = [tmp_path / each / name / "state" for each in ("step", "whole")]
    assert {p.name for p in folders[0].iterdir()} == {p.name for p in folders[1].iterdir()}
    moments = [json.loads((f / "moment.json").read_text()) for f in folders]
    assert moments[0] == moments[1]
    assert moments[0]["until"] > since
    for path in folders[1].glob("*.parquet"):
        assert_same_sums(folders[0] / path.name, path)


def folders_of(name):
    """Folders of a model, with what tells their rows apart."""
    key = VECTORS[name].key
    more = {DELIVERED: (key,), CANDIDATES: (key, "label"), WAITING: (key, "label")}
    return {LINES: (key,)} | {place: more[place] for place in VECTORS[name].folders}


def assert_same_sums(one, other):
    one, other = pl.read_parquet(one), pl.read_parquet(other)
    key = [c for c, dtype in one.schema.items() if dtype == pl.String]
    sums = [c for c in one.columns if c not in key]
    filled = one.filter(pl.any_horizontal(pl.col(sums) != 0)) if sums else one
    known = other.filter(pl.any_horizontal(pl.col(sums) != 0)) if sums else other
    assert len(filled) == len(known)
    both = known.join(filled, on=key, suffix="_step", nulls_equal=True)
    assert len(both) == len(known)
    for column in sums:
        np.testing.assert_allclose(both[f"{column}_step"], both[column], rtol=1e-9, atol=1e-9)


def test_nothing_is_added_where_nothing_was_built(shops, tmp_path):
    with pytest.raises(BadInputError, match="build without --since first"):
        extend("abuse", AbuseSpace(), shops[2], tmp_path, tmp_path / "s", per_chunk=PER_CHUNK)


@pytest.mark.parametrize(
    ("fingerprint", "says"), [("another", "another feature space"), (None, "has no delivered")]
)
def test_what_was_built_otherwise_is_not_added_to(shops, tmp_path, fingerprint, says):
    space = ReturnRiskSpace()
    state = tmp_path / "return_risk" / "state"
    state.mkdir(parents=True)
    moment = {"until": 0, "space": fingerprint or space.fingerprint}
    (state / "moment.json").write_text(json.dumps(moment))
    with pytest.raises(BadInputError, match=f"{says}.*build without --since"):
        extend("return_risk", space, shops[2], tmp_path, tmp_path / "s", per_chunk=PER_CHUNK)
