"""The commands of the README do what it says."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from pipelines.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
MARKED = re.compile(r"<!-- run by tests/test_readme\.py -->\n```console\n(.*?)```", re.DOTALL)
LINES = 9000  # of the shop: small, yet enough for the gate to judge by


def commands(text):
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


def test_the_two_commands_stand_first():
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    assert commands(blocks[0]) == ["make demo"]
    assert commands(blocks[1]) == ["make test"]
    rules = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^demo:", rules, re.MULTILINE)
    assert re.search(r"^test:", rules, re.MULTILINE)
    assert "make test" in (ROOT / ".ci/run").read_text("utf-8")


@pytest.mark.timeout(900)  # three models are trained
def test_the_commands_run(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("MUSLIN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    lines = [line for block in MARKED.findall(README) for line in commands(block)]
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(re.sub(r"--lines \d+", f"--lines {LINES}", line))
        if words[0] == "muslin":
            result = CliRunner().invoke(app, words[1:])
            assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"
        else:
            subprocess.run(line, shell=True, check=True)
    assert (tmp_path / "var/mlflow.db").is_file()
    assert (tmp_path / "var/state.db").is_file()
    assert (tmp_path / "predicted.parquet").is_file()


def test_the_table_of_commands_is_complete_and_names_real_options():
    known = typer.main.get_command(app).commands
    described = re.findall(r"^\| `muslin ([a-z]+)([^`]*)`", README, re.MULTILINE)
    assert {name for name, _ in described} == set(known)
    for name, words in described:
        command = known[name]
        if part := getattr(command, "commands", {}).get((words.split() or [""])[0]):
            command = part
        options = {option for each in command.params for option in each.opts}
        for option in re.findall(r"--[a-z]+", words):
            assert option in options, f"muslin {name} has no {option}"


def test_the_table_of_settings_is_complete():
    from features.settings import Settings

    _, _, part = README.partition("## Settings")
    rows = re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named == set(Settings.model_fields)


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()
