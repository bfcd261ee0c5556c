import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.simulate import run as simulate

ROOT = Path(__file__).parents[2]


@pytest.fixture
def muslin(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("MUSLIN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    simulate(1200, 3, folder)
    return folder


@pytest.fixture
def copy(shop, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in shop.glob("*.parquet"):
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def write_ids(path, ids, column="order_line_id"):
    path.write_text("\n".join([column, *ids]) + "\n")
    return path


def refused(result, *words):
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert said.startswith("error:")
    for word in words:
        assert word in said
    assert "Traceback" not in result.output


def test_help_needs_none_of_the_heavy_libraries():
    code = (
        "import sys; from typer.testing import CliRunner; from pipelines.cli import app;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "heavy = {'pandas', 'numpy', 'sklearn', 'lightgbm', 'mlflow', 'optuna', 'polars',"
        " 'great_expectations', 'bentoml', 'matplotlib'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("train", "shoe-fit", "--data", "x"),
        ("promote", "shoe-fit"),
        ("backtest", "shoe-fit", "--data", "x", "--holdout", "h.csv", "--out", "o.parquet"),
    ],
)
def test_an_unknown_model_is_named_with_the_known(muslin, words):
    refused(muslin(*words), "there is no model 'shoe-fit'; there is size-fit")


@pytest.mark.parametrize(
    "words",
    [
        ("validate", "nowhere"),
        ("train", "size-fit", "--data", "nowhere"),
        ("train", "size_fit", "--data", "nowhere"),
        ("materialize", "--data", "nowhere"),
        ("backtest", "size-fit", "--data", "x", "--holdout", "nowhere.csv", "--out", "o.parquet"),
        ("train", "all", "--data", "nowhere"),
        ("demo", "--data", "nowhere"),
        ("import", "rent-the-runway", "nowhere", "--out", "o"),
        ("import", "nowhere.yaml", "--out", "o"),
    ],
)
def test_what_is_not_there_is_bad_input(muslin, words):
    refused(muslin(*words), "nowhere")


def test_a_wrong_word_on_the_command_line_is_bad_input(muslin):
    assert muslin("simulate", "--lines", 0, "--out", "o").exit_code == 2
    assert muslin("simulate", "--lines", "many", "--out", "o").exit_code == 2
    assert muslin("train", "size-fit").exit_code == 2
    assert muslin("sell").exit_code == 2
    Path("taken").touch()
    refused(muslin("simulate", "--lines", 5, "--out", "taken"), "taken is a file", "a folder")
    refused(muslin("import", "hats", "--out", "o"), "'hats'", "rent-the-runway", "mapping.yaml")
    refused(muslin("import", "rent-the-runway", "--out", "o"), "give the file")


def test_a_database_that_cannot_be_opened_hides_its_password(muslin):
    result = muslin("validate", "sqlite:////nowhere/at/all.db")
    refused(result, "all.db")
    result = muslin("validate", "postgresql://me:secret@127.0.0.1:1/shop")
    refused(result)
    assert "secret" not in result.output


def test_a_missing_table_is_named(muslin, copy):
    (copy / "product_sizes.parquet").unlink()
    refused(muslin("train", "size-fit", "--data", copy), "lacks the table product_sizes")
    simulated = copy.parent / "copy"
    for name in ("fit_feedback", "returns", "abuse_labels"):
        (simulated / f"{name}.parquet").unlink(missing_ok=True)
    (copy / "product_sizes.parquet").write_bytes(b"")
    refused(muslin("train", "size-fit", "--data", copy), "product_sizes.parquet")


def test_data_that_tells_no_outcome_cannot_be_learned_from(muslin, copy):
    for name in ("fit_feedback", "returns", "abuse_labels"):
        (copy / f"{name}.parquet").unlink(missing_ok=True)
    refused(muslin("train", "size-fit", "--data", copy), "neither fit_feedback nor returns")


def test_a_broken_contract_names_table_column_and_rule(muslin, copy):
    lines = pd.read_parquet(copy / "order_lines.parquet")
    lines.drop(columns="ordered_at").to_parquet(copy / "order_lines.parquet")
    refused(muslin("train", "size-fit", "--data", copy), "order_lines", "ordered_at")
    result = muslin("validate", copy)
    assert result.exit_code == 2
    assert "ordered_at" in result.output


def test_a_wrong_hold_out_file_is_bad_input(muslin, shop, tmp_path):
    def backtest(holdout):
        return muslin(
            "backtest", "size-fit", "--data", shop, "--holdout", holdout, "--out", "p.parquet"
        )

    refused(backtest("missing.csv"), "missing.csv")
    claims = ("--claims", "no_claims.csv", "--data", shop, "--out", "p.parquet")
    known = write_ids(tmp_path / "known.csv", ["L1"])
    refused(muslin("backtest", "abuse", "--holdout", known, *claims), "no_claims.csv does not")
    wrong = write_ids(tmp_path / "wrong.csv", ["L1"], column="row_id")
    refused(backtest(wrong), "lacks the column order_line_id; it has row_id")
    strangers = write_ids(tmp_path / "strangers.csv", ["x", "y"])
    refused(backtest(strangers), "none of the 2 ids", "'x'")
    ids = pd.read_parquet(shop / "order_lines.parquet")["order_line_id"]
    everything = write_ids(tmp_path / "all.csv", ids)
    (tmp_path / "p.parquet").mkdir()
    refused(backtest(everything), "p.parquet is a folder")
    (tmp_path / "p.parquet").rmdir()
    refused(backtest(everything), "none is known to have been small or fit or large")
    assert not (tmp_path / "p.parquet").exists()


def test_a_back_test_goes_on_without_unknown_ids_and_keeps_the_order(
    muslin, shop, tmp_path, caplog
):
    lines = pd.read_parquet(shop / "order_lines.parquet")
    ids = lines["order_line_id"].sample(40, random_state=2).tolist()
    holdout = write_ids(tmp_path / "h.csv", [*ids[:20], "stranger", ids[0], *ids[20:]])
    out = tmp_path / "deep" / "p.parquet"
    result = muslin("backtest", "size_fit", "--data", shop, "--holdout", holdout, "--out", out)
    assert result.exit_code == 0, result.output
    assert "1 of 41 ids" in caplog.text
    assert "'stranger'" in caplog.text
    table = pq.read_table(out)
    assert table.column_names == [
        "order_line_id",
        "p_small",
        "p_fit",
        "p_large",
        "status",
        "recommended",
        "likeliest",
        "size_set",
    ]
    assert table["order_line_id"].to_pylist() == ids
    frame = table.to_pandas()
    told = frame[["p_small", "p_fit", "p_large"]].dropna()
    assert (told.sum(axis=1) - 1).abs().max() < 1e-6
    assert len(told) > 20
    advised = frame[frame["recommended"].notna()]
    assert 0 < len(advised) < frame["likeliest"].notna().sum()  # told where the advice is silent
    assert frame.loc[frame["status"] == "not_sized", "likeliest"].isna().all()
    assert "log loss" in result.output


def test_training_all_trains_what_the_tables_allow_and_tells_of_the_rest(
    muslin, copy, registry_in, tmp_path
):
    """Without a word on the fit there is no size advice, but claims can be judged."""
    registry_in(tmp_path / "var")
    (copy / "fit_feedback.parquet").unlink()
    returns = pd.read_parquet(copy / "returns.parquet")
    returns.assign(reason="other").to_parquet(copy / "returns.parquet")
    result = muslin("train", "all", "--data", copy, "--folds", 1)
    said = " ".join(result.output.split())
    assert result.exit_code == 0, said
    assert "size-fit is left out: of" in said
    assert "none is known to have been small or large" in said
    assert "abuse version 1 is registered" in said
    assert "next: muslin promote" in said
    assert "promote size-fit" not in said


def test_training_all_where_nothing_can_be_learned_is_bad_input_with_every_reason(muslin, copy):
    for name in ("fit_feedback", "returns", "abuse_labels"):
        (copy / f"{name}.parquet").unlink()
    refused(
        muslin("train", "all", "--data", copy),
        "no model can be trained; size-fit: ",
        "neither fit_feedback nor returns",
        "abuse: ",
    )


def test_a_registry_without_versions_says_what_to_run(muslin, shop, registry_in, tmp_path):
    registry_in(tmp_path / "var")
    refused(muslin("promote", "size-fit"), "no version of size_fit", "muslin train size-fit")
    refused(muslin("materialize", "--data", shop), "no model has a champion", "promote size-fit")


def test_a_setting_that_cannot_be_used_is_named(muslin, monkeypatch):
    monkeypatch.setenv("MUSLIN_PORT", "eighty")
    refused(muslin("serve"), "port", "eighty")


def test_a_taken_port_is_bad_input(muslin):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused(muslin("serve", "--port", taken.getsockname()[1]), "cannot listen on 127.0.0.1")
