"""`muslin features build` from a folder of tables to partitioned Parquet."""

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from data_contracts.readers import write_tables
from features.return_risk import VECTOR
from pipelines.cli import app
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    write_tables(simulate(800, seed=3).tables, folder)
    return folder


@pytest.fixture
def muslin(tmp_path, monkeypatch):
    """Run a command where no model is registered."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["features", "build", *map(str, words)])


def test_vectors_of_a_model_are_built_by_a_space_of_a_sample(shop, muslin, tmp_path):
    out = tmp_path / "out"
    done = muslin("--data", shop, "--out", out, "--model", "return-risk", "--chunk", 1000,
                  "--sample", 1000)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "a space fitted on customers with about 1,000 lines" in done.output
    parts = pl.read_parquet(out / "return_risk" / "part-*.parquet")
    assert tuple(parts.columns[: len(VECTOR)]) == VECTOR
    assert parts["order_line_id"].n_unique() == len(parts)
    assert np.isin(parts["y"].to_numpy(), range(-1, 12)).all()
    assert f"{len(parts):,} order lines are good" in done.output
    assert {p.name for p in out.iterdir()} == {"return_risk"}

    again = muslin("--data", shop, "--out", tmp_path / "again", "--model", "return-risk",
                   "--space", out / "return_risk" / "state")  # fmt: skip
    assert again.exit_code == 0, again.output
    other = pl.read_parquet(tmp_path / "again" / "return_risk" / "part-*.parquet")
    both = parts.join(other, on="order_line_id", suffix="_other")
    assert len(both) == len(parts) == len(other)
    earlier = muslin("--data", shop, "--out", out, "--model", "return-risk",
                     "--since", "2020-01-01")  # fmt: skip
    assert earlier.exit_code == 2
    assert "know of events up to" in earlier.output
    later = muslin("--data", shop, "--out", out, "--model", "return-risk", "--since", "2100-01-01")
    assert later.exit_code == 0, later.output
    assert f"{len(parts):,} vectors" in later.output

    for name in VECTOR:
        np.testing.assert_allclose(both[f"{name}_other"], both[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--model", "shoes"), "there is no model 'shoes'"),
        (("--model", "abuse", "--space", "nowhere"), "holds no space.json"),
        (("--space", "nowhere"), "--space is the space of one model"),
        (("--model", "abuse", "--since", "2024-05-01"), "build without --since first"),
        (("--model", "abuse", "--since", "yesterday"), "is no time in ISO 8601"),
    ],
)
def test_what_cannot_be_built_is_said_in_a_sentence(shop, muslin, tmp_path, words, says):
    done = muslin("--data", shop, "--out", tmp_path / "out", *words)
    assert done.exit_code == 2
    assert says in done.output
