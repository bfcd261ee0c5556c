import json
import os

import pytest
from typer.testing import CliRunner

from data_contracts.readers import write_tables
from pipelines.cli import app
from pipelines.monitor.report import Report

from .shop import dearer


@pytest.fixture
def muslin(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("MUSLIN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    # Its sentences are read here, and a terminal of this width folds none of them.
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        result = CliRunner().invoke(app, ["monitor", *(str(word) for word in words)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def written(tables, folder):
    write_tables({name: rows for name, rows in tables.items() if len(rows)}, folder)
    return folder


def test_the_exit_code_tells_a_scheduler_whether_to_retrain(muslin, watched, tmp_path, monkeypatch):
    for name, value in watched.settings.environment().items():
        monkeypatch.setenv(name, value)
    same = written(watched.tables, tmp_path / "same")
    drifted = written(dearer(watched.tables, watched.cut), tmp_path / "drifted")

    fine = muslin("--data", same, "--model", "return-risk")
    assert fine.exit_code == 0, fine.output
    assert "return_risk 1" in fine.output
    assert (tmp_path / "var" / "monitor" / "monitor.html").is_file()

    crossed = muslin("--data", drifted, "--model", "return-risk", "--out", "w.html")
    assert crossed.exit_code == 3, crossed.output
    assert "drift.features" in crossed.output
    report = Report.model_validate(json.loads((tmp_path / "w.json").read_text()))
    assert report.crossed
    assert "A limit is crossed" in (tmp_path / "w.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "shoe-fit"], "there is no model 'shoe-fit'; there is size-fit"),
        (["--limits", "none.yaml"], "none.yaml: cannot be read"),
        (["--limits", "wrong.yaml"], "unknown key 'drift.psy'; did you mean psi?"),
        (["--out", "wrong.yaml"], "wrong.yaml is a file"),
        ([], "nowhere"),
        (["--since", "yesterday"], "yesterday"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(muslin, tmp_path, words, said):
    (tmp_path / "wrong.yaml").write_text("drift: {psy: 1.0}\n")
    result = muslin("--data", "nowhere", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not (tmp_path / "var" / "monitor").exists()
