import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.vectors import HeldVectors, predicted, train_here
from models.vectors_on_disk import NoPartsError, PartsError, VectorParts, write_part

ROWS, NAMES = 5000, [f"c{i}" for i in range(9)]
SETTINGS = {
    "objective": "binary",
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "min_child_samples": 10,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "feature_fraction": 0.5,
}


@pytest.fixture(scope="module")
def lines():
    random = np.random.default_rng(5)
    X = random.normal(size=(ROWS, len(NAMES)))
    X[:, 3] = random.integers(0, 7, ROWS)
    X[random.random(X.shape) < 0.1] = np.nan
    X[random.random(X.shape) < 0.1] = 0.0
    y = (np.nan_to_num(X[:, 0]) + random.normal(size=ROWS) > 0).astype("int64")
    return X, y


@pytest.fixture(scope="module")
def folder(lines, tmp_path_factory):
    """Parts of unequal size, one of them without a row."""
    X, y = lines
    target = tmp_path_factory.mktemp("vectors")
    for number, (start, end) in enumerate([(0, 700), (700, 700), (700, 4100), (4100, ROWS)]):
        columns = {
            "y": y[start:end],
            "at": np.arange(start, end),
            "order_line_id": np.array([f"l{i}" for i in range(start, end)], dtype=object),
            "order_id": np.array([f"o{i // 3}" for i in range(start, end)], dtype=object),
        }
        write_part(target, number, X[start:end], NAMES, columns)
    return target


@pytest.fixture
def parts(folder, monkeypatch):
    """Read in blocks much smaller than a part."""
    monkeypatch.setattr("models.vectors_on_disk._BLOCK_BYTES", 8 * len(NAMES) * 300)
    return VectorParts.open(folder, NAMES)


def some_rows():
    return np.random.default_rng(8).random(ROWS) < 0.4


def test_all_rows_come_back_in_order(parts, lines):
    np.testing.assert_array_equal(parts.matrix(), lines[0])
    assert max(len(block) for block in parts.blocks()) <= 300
    assert (len(parts), parts.width) == lines[0].shape


def test_columns_and_rows_are_those_a_matrix_would_give(parts, lines):
    held, rows = HeldVectors(lines[0]), some_rows()
    again = np.random.default_rng(9).random(int(rows.sum())) < 0.5
    for each, other in (
        (parts.of([4, 1]), held.of([4, 1])),
        (parts.where(rows), held.where(rows)),
        (parts.where(rows).of([2]).where(again), held.where(rows).of([2]).where(again)),
    ):
        np.testing.assert_array_equal(each.matrix(), other.matrix())
        assert len(each) == len(other)
    places = np.random.default_rng(1).permutation(int(rows.sum()))[:50]
    np.testing.assert_array_equal(
        parts.where(rows).take(places), held.where(rows).take(places), strict=True
    )


def test_other_columns_follow_the_rows(parts, lines):
    rows = some_rows()
    np.testing.assert_array_equal(parts.where(rows).column("y"), lines[1][rows])
    assert parts.where(rows).texts("order_line_id")[3] == f"l{np.flatnonzero(rows)[3]}"


def test_keys_are_equal_where_the_ids_are(parts):
    keys = parts.keys("order_id")
    same = keys[1:] == keys[:-1]
    np.testing.assert_array_equal(same, np.arange(1, ROWS) % 3 != 0)
    assert len(np.unique(keys)) == -(-ROWS // 3)


def test_each_part_alone_makes_the_whole(parts):
    rows = some_rows()
    rows[700:4100] = False
    alone = parts.where(rows).each()
    assert [each.files[0][1] for each in alone] == [700, 900]
    together = np.concatenate([each.matrix() for each in alone])
    np.testing.assert_array_equal(together, parts.where(rows).matrix())


def test_a_sequence_reads_like_a_matrix_forwards_and_back(parts, lines):
    sequence = parts.readable()
    X = lines[0]
    np.testing.assert_array_equal(sequence[10], X[10])
    np.testing.assert_array_equal(sequence[650:1400], X[650:1400])
    np.testing.assert_array_equal(sequence[4990:6000], X[4990:])
    np.testing.assert_array_equal(sequence[5:9], X[5:9])
    np.testing.assert_array_equal(sequence[[3, 700, 2]], X[[3, 700, 2]])
    assert len(sequence) == ROWS


def test_a_row_that_is_kept_does_not_keep_its_block(parts):
    assert parts.readable()[10].base is None


@pytest.mark.parametrize("sample", [200_000, 500], ids=["all rows binned", "some rows binned"])
def test_the_boosters_are_those_of_the_matrix(parts, lines, sample):
    X, y = lines
    rows = some_rows()
    settings = [{**SETTINGS, "bin_construct_sample_cnt": sample, "seed": seed} for seed in (1, 2)]
    here = train_here(HeldVectors(X[rows]), y[rows], settings, rounds=8, names=NAMES, coded=[3])
    there = train_here(parts.where(rows), y[rows], settings, rounds=8, names=NAMES, coded=[3])
    for one, other in zip(here, there, strict=True):
        assert one.model_to_string() == other.model_to_string()
    assert here[0].model_to_string() != here[1].model_to_string()


def test_a_view_is_told_where_its_block_begins(parts, lines):
    X, y = lines

    def view(block, first):
        return np.column_stack([block[:, :2], np.arange(first, first + len(block)) % 100])

    [here] = train_here(HeldVectors(X), y, [SETTINGS], rounds=5, view=view)
    [there] = train_here(parts, y, [SETTINGS], rounds=5, view=view)
    assert here.model_to_string() == there.model_to_string()
    assert here.num_feature() == 3


def test_predictions_are_those_of_the_matrix(parts, lines):
    X, y = lines
    [booster] = train_here(HeldVectors(X), y, [SETTINGS], rounds=5)
    np.testing.assert_array_equal(
        predicted(booster, parts, raw=True), booster.predict(X, raw_score=True)
    )
    nobody = parts.where(np.zeros(ROWS, dtype=bool))
    assert predicted(booster, nobody).shape == (0,)


def test_a_url_is_a_folder_too(folder, lines):
    parts = VectorParts.open(folder.as_uri(), NAMES)
    np.testing.assert_array_equal(parts.matrix(), lines[0])


def test_a_null_is_unknown_and_whole_numbers_are_numbers(tmp_path):
    table = pa.table({"a": pa.array([1.5, None]), "b": pa.array([3, None], pa.int64())})
    pq.write_table(table, tmp_path / "part-0.parquet")
    np.testing.assert_array_equal(
        VectorParts.open(tmp_path, ["b", "a"]).matrix(), [[3, 1.5], [np.nan, np.nan]]
    )


def test_a_folder_without_parts_is_refused(tmp_path):
    (tmp_path / "notes.parquet").write_text("")
    with pytest.raises(NoPartsError, match=r"no part-\*\.parquet"):
        VectorParts.open(tmp_path, NAMES)
    with pytest.raises(NoPartsError, match="nowhere"):
        VectorParts.open(tmp_path / "nowhere", NAMES)


def test_a_missing_column_is_named_with_the_part(folder):
    with pytest.raises(PartsError, match=r"part-00000\.parquet lacks the columns colour, mature"):
        VectorParts.open(folder, [*NAMES, "colour"], ["mature"])


def test_parts_without_a_row_are_refused(tmp_path):
    write_part(tmp_path, 0, np.empty((0, 1)), ["a"], {})
    with pytest.raises(PartsError, match="no row"):
        VectorParts.open(tmp_path, ["a"])


CHILD = r"""
import json, re, sys
from pathlib import Path
from models.vectors import HeldVectors, train_here
from models.vectors_on_disk import VectorParts

def memory(what):
    told = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(what + r":\s+(\d+) kB", told)[1])

def trained(parts, held=False):
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    rows = HeldVectors(parts.matrix()) if held else parts
    [booster] = train_here(rows, parts.column("y"), [settings], rounds=2)
    return memory("VmHWM") - before, booster.model_to_string()

parts = VectorParts.open(sys.argv[1], [f"c{i}" for i in range(int(sys.argv[2]))])
settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 4,
            "force_row_wise": True, "bin_construct_sample_cnt": 10_000}
trained(parts.each()[0])  # libraries are loaded, buffers made
streamed, model = trained(parts)
held, same = trained(parts, held=True)
print(json.dumps({"streamed": streamed, "held": held, "same": model == same}))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_the_raw_matrix_is_never_held(tmp_path):
    """Against the same training from a matrix, whose peak shows that the measure tells."""
    rows, width, parts = 180_000, 96, 6
    raw = 8 * rows * width
    random = np.random.default_rng(2)
    names = [f"c{i}" for i in range(width)]
    for number in range(parts):
        X = random.integers(0, 60, (rows // parts, width)).astype("float64")
        write_part(tmp_path, number, X, names, {"y": (X[:, 0] > 30).astype("int64")})
    run = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path, str(width)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["held"] > raw
    # LightGBM's own byte a column and row, its gradients, and a few blocks.
    assert told["streamed"] < 0.5 * raw
    assert told["same"]
