from io import StringIO

from rich.console import Console

from pipelines.monitor.report import Report
from pipelines.monitor.show import show


def figure(target):
    interval = {"value": 0.8053, "low": 0.7, "high": 0.9}
    return {
        "target": target, "where": {"dimension": "all", "group": "all"}, "lines": 1_000_000,
        "events": 9, "customers": 9, "observed": 0.3, "predicted": 0.3,
        "gap": {"value": 0.0123, "low": 0.0, "high": 0.1}, "slope": None, "ece": 0.0,
        "ece_expected": 0.0, "auc": interval, "trained_lines": None, "trained_gap": None,
        "trained_auc": None, "judged": True, "verdict": "fine",
    }  # fmt: skip


def model(name, targets, verdict):
    check = {
        "kind": "drift", "what": "features beyond their limit", "limit_name": "drift.features",
        "where": {"dimension": "all", "group": "all"}, "verdict": "crossed", "why": "price",
    }  # fmt: skip
    return {
        "name": name, "version": 12, "trained_until": None, "since": None, "until": None,
        "asked": 9_999_999, "matured": 1_000_000, "has_fingerprint": False, "verdict": verdict,
        "notes": ["no fingerprint"], "checks": [check] * 12, "features": [],
        "figures": [figure(target) for target in targets], "advice": [], "statuses": {},
        "trained_statuses": {}, "claims": None, "routes": None,
    }  # fmt: skip


def test_a_terminal_of_eighty_columns_shows_every_figure_whole():
    report = Report.model_validate(
        {
            "made_at": "2026-02-02T00:00:00Z", "source": "shop", "verdict": "crossed",
            "known_until": "2026-02-01T00:00:00Z", "without_champion": ["abuse"],
            "models": [
                model("size_fit", ["small", "fit", "large"], "not_judged"),
                model("return_risk", ["returned"], "crossed"),
            ],
        }
    )  # fmt: skip
    told = StringIO()
    show(Console(file=told, width=80), report)
    text = told.getvalue()
    assert "…" not in text
    for word in ("return_risk 12", "9,999,999", "small +0.012", "0.805", "not judged"):
        assert word in text
    assert "abuse has no champion" in text
    assert "size_fit: no fingerprint" in text
    assert "return_risk: drift.features, all: features beyond their limit (price)" in text
    assert "return_risk: and 2 more limits" in text
