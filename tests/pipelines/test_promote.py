import pytest

from pipelines.jobs.size_fit import JOB
from pipelines.promote import gate
from pipelines.tracking import RegistryError, Version

FIGURES = {"mean_auc": 0.7, "log_loss": 0.5, "gap_small": 0.01, "gap_fit": 0.0, "gap_large": 0.02}


def version(number, folds="a", tags=None, **metrics):
    return Version("size_fit", number, {}, FIGURES | metrics, {"folds": folds} | (tags or {}))


def refused(verdict):
    return [each.what for each in verdict.gates if not each.passed]


def test_the_first_version_needs_calibration_only():
    assert gate(JOB, version(1), None).passed
    verdict = gate(JOB, version(1, gap_fit=0.0201), None)
    assert refused(verdict) == ["|mean predicted - mean observed| of fit"]


def test_the_same_figures_are_not_worse():
    assert gate(JOB, version(2), version(1)).passed
    assert gate(JOB, version(1), version(1)).passed


@pytest.mark.parametrize(("name", "worse"), [("mean_auc", 0.69), ("log_loss", 0.51)])
def test_a_worse_challenger_is_refused_with_the_figures(name, worse):
    verdict = gate(JOB, version(2, **{name: worse}), version(1))
    (only,) = [each for each in verdict.gates if not each.passed]
    assert only.what.startswith(f"{name} against the champion ({FIGURES[name]:.4f})")
    assert only.challenger == worse


def test_on_other_data_the_champion_s_settings_are_judged_on_the_new_folds():
    replay = {"champion_mean_auc": 0.65, "champion_log_loss": 0.6}
    then = {"champion_then": "1"}
    easier = version(2, "b", then, mean_auc=0.69, log_loss=0.58, **replay)
    assert gate(JOB, easier, version(1)).passed
    behind = version(2, "b", then, mean_auc=0.69, champion_mean_auc=0.72, champion_log_loss=0.5)
    assert any(
        "settings on the new folds" in what for what in refused(gate(JOB, behind, version(1)))
    )
    broken = version(2, "b", then, mean_auc=0.51, champion_mean_auc=0.5, champion_log_loss=0.6)
    assert refused(gate(JOB, broken, version(1))) == [
        "mean_auc against the champion on its own folds (0.7000)"
    ]


def test_without_anything_to_compare_nothing_is_promoted():
    with pytest.raises(RegistryError, match="Train it again"):
        gate(JOB, version(3, "b", {"champion_then": "1"}), version(2))
    bare = Version("size_fit", 2, {}, {}, {})
    with pytest.raises(RegistryError, match="has no gap_small of the rolling folds"):
        gate(JOB, bare, None)
