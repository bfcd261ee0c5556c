from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.size_fit import VECTOR
from models.size_fit import SizeFit
from models.size_fit.parts import CANDIDATES
from models.vectors_on_disk import PartsError, write_part

PARAMS = {"n_estimators": 8, "members": 2, "min_child_samples": 20, "num_threads": 1}


@pytest.fixture(scope="module")
def data(trained):
    return trained[2]


@pytest.fixture(scope="module")
def newest(data):
    known = np.flatnonzero((data.y >= 0) & data.sized)
    return np.sort(known[np.argsort(data.at[known], kind="stable")][-300:])


@pytest.fixture(scope="module")
def folder(data, newest, tmp_path_factory):
    target = tmp_path_factory.mktemp("vectors")
    for number, rows in enumerate(np.array_split(np.arange(len(data.y)), 4)):
        columns = {
            "y": data.y[rows],
            "at": data.at[rows],
            "told": data.told[rows],
            "sized": data.sized[rows],
            "order_line_id": data.ids[rows],
        }
        write_part(target, number, data.X[rows], VECTOR, columns)
    sizes = data.candidates(newest)
    columns = {
        "order_line_id": data.ids[sizes.line],
        "label": sizes.label.astype(str),
        "chosen": sizes.chosen,
    }
    write_part(target / CANDIDATES, 0, sizes.X, VECTOR, columns)
    return target


def held(data, newest):
    known = np.flatnonzero((data.y >= 0) & data.sized)
    row_of = np.full(len(data.y), -1)
    row_of[known] = np.arange(len(known))
    sizes = data.candidates(newest)
    return SizeFit(**PARAMS).fit(
        data.X[known],
        data.y[known],
        told=data.told[known],
        at=data.at[known],
        candidates=replace(sizes, line=row_of[sizes.line]),
    )


def test_it_is_the_model_of_the_same_lines_in_memory(data, newest, folder, monkeypatch):
    monkeypatch.setattr("models.vectors_on_disk._BLOCK_BYTES", 8 * len(VECTOR) * 256)
    streamed, one = SizeFit(**PARAMS).fit_parts(folder), held(data, newest)
    np.testing.assert_array_equal(streamed.predict_proba(data.X), one.predict_proba(data.X))
    assert streamed.sets_.overall_ == one.sets_.overall_ > 0
    assert streamed.sets_.effects_ == one.sets_.effects_
    np.testing.assert_array_equal(streamed.level_, one.level_)
    assert streamed.resolution_ == one.resolution_
    asked = data.candidates(newest[:40])
    for here, there in zip(streamed.advise(asked), one.advise(asked), strict=True):
        assert (here.status, here.recommended, here.size_set) == (
            there.status,
            there.recommended,
            there.size_set,
        )


def test_without_candidates_a_size_set_holds_every_size(data, newest, folder, tmp_path):
    for part in folder.glob("part-*.parquet"):
        pq.write_table(pq.read_table(part), tmp_path / part.name)
    model = SizeFit(**PARAMS).fit_parts(tmp_path)
    asked = data.candidates(newest[:10])
    assert all(each.inside.all() for each in model.advise(asked))


def test_candidates_of_other_lines_are_refused(folder, tmp_path):
    first, *_ = sorted(folder.glob("part-*.parquet"))
    pq.write_table(pq.read_table(first), tmp_path / first.name)
    (tmp_path / CANDIDATES).mkdir()
    sizes = folder / CANDIDATES / "part-00000.parquet"
    pq.write_table(pq.read_table(sizes), tmp_path / CANDIDATES / sizes.name)
    with pytest.raises(PartsError, match="build lines and candidates together"):
        SizeFit(**PARAMS).fit_parts(tmp_path)
