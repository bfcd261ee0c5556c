"""Which lines' sizes are kept for the size sets."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from pipelines import size_candidates
from pipelines.model_vectors import CANDIDATES, WAITING
from pipelines.size_candidates import draw_of_new, keep_newest, lot


@pytest.fixture
def folder(tmp_path):
    """A hundred lines, two to a moment, of which the last ten are not settled; one has no size."""
    lines = {
        "order_line_id": [f"L{i}" for i in range(100)],
        "at": np.arange(100) // 2,
        "y": np.where(np.arange(100) < 90, 1, -1),
        "sized": np.arange(100) != 89,
    }
    pl.DataFrame(lines).write_parquet(tmp_path / "part-00000.parquet")
    return tmp_path


def pool_of(folder, lines):
    (folder / "pool").mkdir()
    rows = {
        "order_line_id": np.repeat([f"L{i}" for i in lines], 2),
        "label": ["S", "M"] * len(lines),
    }
    pl.DataFrame(rows).write_parquet(folder / "pool" / "part-00000.parquet")
    return [folder / "pool", folder / "nowhere"]


def kept(folder, place):
    files = [*(folder / place).glob("part-*.parquet")]
    return pl.read_parquet(files)["order_line_id"].to_list() if files else []


def test_the_newest_settled_lines_are_kept_and_those_as_new_wait(folder):
    keep_newest(pool_of(folder, range(100)), folder)
    # 15 % of 89 settled lines with a size are 13: L76 to L88, and L76's order whole.
    assert kept(folder, CANDIDATES) == [f"L{i}" for i in range(76, 89) for _ in range(2)]
    assert kept(folder, WAITING) == [f"L{i}" for i in range(90, 100) for _ in range(2)]


def test_no_more_are_kept_than_memory_would_take_and_the_lot_says_which(folder, monkeypatch):
    monkeypatch.setattr(size_candidates, "CALIBRATION_LINES", 4)
    keep_newest(pool_of(folder, range(100)), folder)
    for place, lines in ((CANDIDATES, range(76, 89)), (WAITING, range(90, 100))):
        ids = np.array([f"L{i}" for i in lines], dtype=object)
        assert set(kept(folder, place)) == set(ids[np.argsort(lot(ids))[:4]])


@pytest.mark.parametrize("days", [1, 20, 45], ids=["a step", "a longer one", "a long gap"])
def test_of_new_lines_those_are_drawn_that_a_whole_build_keeps(folder, tmp_path, monkeypatch, days):
    monkeypatch.setattr(size_candidates, "CALIBRATION_LINES", 4)
    keep_newest(pool_of(folder, range(100)), folder)
    now = pl.read_parquet(folder / "part-00000.parquet")
    since = 49 - days
    unsettled = pl.when(pl.col("at") > since - 3).then(-1).otherwise("y")
    before = now.filter(pl.col("at") <= since).with_columns(y=unsettled)
    again = now.filter(pl.col("at") > since - 3)  # what is as it was is not told again
    draw = draw_of_new(before.lazy(), again, since)
    ids = np.array(again["order_line_id"].to_list(), dtype=object)
    got = set(ids[draw(SimpleNamespace(ids=ids))])

    new = set(now.filter(pl.col("at") > since)["order_line_id"])
    kept_of_all = {*kept(folder, CANDIDATES), *kept(folder, WAITING)}
    assert got <= new
    assert got >= kept_of_all & new
    assert len(got) <= 8
    if days >= 20:  # the newest lines are all new
        assert got == kept_of_all


def test_a_place_of_a_line_that_the_lot_left_out_earlier_goes_to_a_newer_line(
    folder, tmp_path_factory, monkeypatch
):
    monkeypatch.setattr(size_candidates, "CALIBRATION_LINES", 4)
    pool = pool_of(folder, range(100))
    keep_newest(pool, folder)
    settled = pl.read_parquet(folder / "part-00000.parquet").with_columns(y=pl.lit(1))
    step, whole = (tmp_path_factory.mktemp(each) for each in ("step", "whole"))
    for later, chosen_from in (
        (step, [folder / place for place in (CANDIDATES, WAITING)]),
        (whole, pool),
    ):
        settled.write_parquet(later / "part-00000.parquet")
        keep_newest(chosen_from, later)
    # L84 was among the newest before, but four had lower lots, some of which are too old by now.
    assert set(kept(whole, CANDIDATES)) == {"L84", "L85", "L97", "L98"}
    assert set(kept(step, CANDIDATES)) == {"L85", "L94", "L97", "L98"}


def test_lines_whose_sizes_were_not_built_are_not_missed(folder):
    keep_newest(pool_of(folder, [3, 80, 95]), folder)
    assert kept(folder, CANDIDATES) == ["L80", "L80"]
    assert kept(folder, WAITING) == ["L95", "L95"]


def test_a_shop_without_settled_lines_lets_all_wait(folder):
    lines = pl.read_parquet(folder / "part-00000.parquet").with_columns(y=pl.lit(-1))
    lines.write_parquet(folder / "part-00000.parquet")
    keep_newest(pool_of(folder, [3, 80]), folder)
    assert kept(folder, CANDIDATES) == []
    assert sorted(set(kept(folder, WAITING))) == ["L3", "L80"]


def test_lots_are_even_and_the_same_every_day():
    ids = np.array([f"L{i:08d}" for i in range(4000)], dtype=object)
    np.testing.assert_array_equal(lot(ids), lot(ids.copy()))
    assert lot(ids).min() >= 0
    assert lot(ids).max() <= 1
    assert abs(lot(ids).mean() - 0.5) < 0.03
