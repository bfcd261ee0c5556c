"""A whole command on another engine: the setting reaches the histories, and changes no figure."""

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from features.return_risk_space import ReturnRiskSpace
from pipelines.cli import app
from pipelines.simulate import run as simulate


def test_a_back_test_on_duckdb_has_the_vectors_and_answers_of_polars(tmp_path, monkeypatch):
    shop = tmp_path / "shop"
    simulate(1_200, 3, shop)
    lines = pd.read_parquet(shop / "order_lines.parquet").sort_values("ordered_at")
    lines.tail(40).to_csv(tmp_path / "held.csv", columns=["order_line_id"], index=False)
    monkeypatch.chdir(tmp_path)
    whole = ReturnRiskSpace.moments
    vectors = {}

    def watched(space, *given, **named):
        found = whole(space, *given, **named)
        vectors.setdefault(space.engine, []).extend(each.X for each in found.values())
        return found

    monkeypatch.setattr(ReturnRiskSpace, "moments", watched)
    answers = {}
    for engine in ("polars", "duckdb"):
        monkeypatch.setenv("MUSLIN_ENGINE", engine)
        words = ["--data", str(shop), "--holdout", "held.csv", "--out", f"{engine}.parquet"]
        done = CliRunner().invoke(app, ["backtest", "return-risk", *words])
        assert done.exit_code == 0, done.output
        answers[engine] = pd.read_parquet(f"{engine}.parquet")
    assert list(vectors) == ["polars", "duckdb"]
    for one, other in zip(vectors["polars"], vectors["duckdb"], strict=True):
        assert len(one) > 900
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9, equal_nan=True)
    assert len(answers["polars"]) == 40
    assert answers["polars"]["p_return"].nunique() > 10
    # A value in the last place decides on which side of a split a line goes.
    pd.testing.assert_frame_equal(answers["duckdb"], answers["polars"], rtol=0, atol=1e-3)
