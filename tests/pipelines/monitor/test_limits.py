import re
from pathlib import Path

import pytest
import yaml

from pipelines.monitor.limits import Limits, LimitsError, ModelLimits, read_limits

ROOT = Path(__file__).parents[3]


@pytest.fixture
def said(tmp_path):
    def write(text):
        file = tmp_path / "limits.yaml"
        file.write_text(text)
        return file

    return write


def test_a_file_says_only_what_is_different(said):
    limits = read_limits(said("version: 1\ndrift: {psi: 0.4}\ncalibration: {gap: null}\n"))
    assert limits.of("abuse").drift.psi == 0.4
    assert limits.of("abuse").drift.usual_times == ModelLimits().drift.usual_times
    assert limits.of("size_fit").calibration.gap is None


def test_a_model_s_own_limits_go_over_the_shop_s(said):
    limits = read_limits(
        said("drift: {psi: 0.4, features: 2}\nmodels: {size_fit: {drift: {psi: 0.1}}}\n")
    )
    assert (limits.of("size_fit").drift.psi, limits.of("abuse").drift.psi) == (0.1, 0.4)
    assert limits.of("size_fit").drift.features == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("drft: {}", ["unknown key 'drft'", "did you mean drift?", "known: false_alarms, fewest"]),
        ("drift: {pis: 1.0}", ["'drift.pis'", "did you mean psi?", "usual_times"]),
        ("models: {size-fit: {}}", ["'models.size-fit'", "did you mean size_fit?"]),
        (
            "models: {abuse: {abuse: {honest: 1.0}}}",
            ["models.abuse", "abuse.honest", "honest_flagged"],
        ),
        ("drift: {psi: high}", ["drift.psi = 'high'", "number"]),
        ("drift: {psi: true}", ["drift.psi = True", "number"]),
        ("drift: {psi: -1.0}", ["drift.psi = -1.0", "greater than 0"]),
        ("calibration: {gap: 3.0}", ["calibration.gap = 3.0", "less than or equal to 1"]),
        ("drift: {psi: .nan}", ["drift.psi = nan", "finite"]),
        ("fewest: {lines: 2.5}", ["fewest.lines = 2.5", "integer"]),
        ("version: 2", ["version = 2"]),
        ("drift: 3", ["drift = 3"]),
        ("- 1", ["must hold keys such as drift"]),
        ("", ["must hold keys"]),
        ("a: [", ["is not YAML"]),
        ("1: 2", ["1 = 1", "should be strings"]),
    ],
)
def test_what_cannot_be_a_limit_is_named(said, text, words):
    with pytest.raises(LimitsError) as refused:
        read_limits(said(text))
    assert "limits.yaml: " in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_all_faults_are_told_at_once(said):
    with pytest.raises(LimitsError) as refused:
        read_limits(said("drift: {psi: 0.0}\nadvise: {}\nmodels: {abuse: {drift: {ps: 1.0}}}\n"))
    assert len(str(refused.value).splitlines()) == 3


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LimitsError, match=r"none.yaml: cannot be read"):
        read_limits(tmp_path / "none.yaml")


def test_the_starting_values_in_the_docs_are_those_of_the_code(said):
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(version: 1\nfalse_alarms.*?)```", text, re.DOTALL)
    told = yaml.safe_load(block)
    del told["version"]
    assert told == ModelLimits().model_dump()
    assert read_limits(said(block)).of("abuse") == Limits().of("abuse") == ModelLimits()
