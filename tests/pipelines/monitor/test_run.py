import json

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import BadInputError
from features.audit import Review, SqliteAudit, new_audit_id
from pipelines.monitor.limits import Limits
from pipelines.monitor.population import FILE
from pipelines.monitor.report import Report
from pipelines.monitor.run import monitor
from pipelines.monitor.schema import SCHEMA, schema_text
from pipelines.tracking import Registry

from .shop import all_sent_back, dearer, known_at


@pytest.fixture(scope="module")
def watch(watched):
    def run(tables=None, *names, **options):
        return monitor(
            tables or watched.tables,
            watched.registry,
            options.pop("settings", watched.settings),
            source="here",
            **({"names": names} if names else {}),
            **options,
        )

    return run


@pytest.fixture(scope="module")
def fine(watch):
    return watch()


def crossed(report):
    return {
        (m.name, c.limit_name, c.where.group if c.where else "")
        for m in report.models
        for c in m.checks
        if c.verdict == "crossed"
    }


def test_a_shop_that_goes_on_as_it_was_crosses_no_limit(fine):
    assert not crossed(fine)
    assert fine.verdict == "fine"
    assert [each.name for each in fine.models] == ["size_fit", "return_risk", "abuse"]
    for each in fine.models:
        assert each.has_fingerprint
        assert each.asked > 300
        assert each.features
        assert sum(f.verdict == "fine" for f in each.features) > 60


def test_only_what_was_asked_after_the_training_is_looked_at(fine, watched):
    lines = watched.tables["order_lines"]
    risk = fine.models[1]
    assert risk.since > risk.trained_until
    assert risk.since >= watched.cut
    assert risk.asked == (lines["ordered_at"] >= watched.cut).sum()


def test_a_label_counts_once_its_outcome_would_be_known_either_way(fine, watched, watch):
    size, risk, _ = fine.models
    assert 0 < risk.matured < risk.asked
    assert 0 < size.matured < size.asked
    soon = watched.cut + pd.Timedelta(days=12)
    early = watch(known_at(watched.tables, soon), "return_risk").models[0]
    assert early.asked > 0
    assert early.matured == 0
    assert not early.figures
    assert "has a matured label yet" in early.notes[0]


def test_advice_and_its_coverage_are_told_by_group(fine):
    size = fine.models[0]
    groups = {(a.where.dimension, a.where.group): a for a in size.advice}
    whole = groups["all", "all"]
    assert 0.1 < whole.advised.value < 0.9
    assert whole.trained_advised is not None
    assert whole.covered.value > 0.8
    assert all(0 <= a.advised.low <= a.advised.high <= 1 for a in size.advice)
    assert all(a.covered.high <= 1 for a in size.advice if a.covered)
    assert groups["customer", "known"].advised.value > groups["customer", "new"].advised.value
    assert sum(size.statuses.values()) == pytest.approx(1.0, abs=1e-4)
    assert size.trained_statuses.keys() >= {"advised", "not_enough_information"}


def test_honest_heavy_returners_are_told_of(fine):
    claims = fine.models[2].claims
    assert claims.decided > 10
    assert 0 < claims.honest_claims < claims.claims
    assert claims.honest_flagged.value < 0.05
    assert claims.trained_flagged is not None


def test_without_any_decision_nothing_is_said_of_honest_customers(watch, watched):
    undecided = {k: v for k, v in watched.tables.items() if k != "abuse_labels"}
    report = watch(undecided, "abuse")
    (model,) = report.models
    assert model.claims.honest_flagged is None
    assert "nobody has judged a claim yet" in {c.why for c in model.checks}


def test_dearer_goods_are_found_by_their_prices(watch, watched):
    report = watch(dearer(watched.tables, watched.cut), "return_risk")
    assert report.verdict == "crossed"
    moved = {f.name for f in report.models[0].features if f.verdict == "crossed"}
    assert "price" in moved
    assert all("pric" in name or "value" in name for name in moved)


def test_returns_that_rise_in_one_market_are_found_there(watch, watched):
    report = watch(all_sent_back(watched.tables, watched.cut, "DE"), "return_risk")
    places = {place for _, limit, place in crossed(report) if limit == "calibration.group_gap"}
    assert places == {"DE"}


def test_routes_are_held_against_those_before(watch, watched, tmp_path):
    cut = watched.population("abuse").last / 1e6
    path = str(tmp_path / "audit.db")
    reviews = [
        Review(
            audit_id=new_audit_id(),
            at=cut + (i - 500) * 3600,
            customer_id="C",
            order_line_id="L",
            route="review" if i >= 500 and i % 2 else "fast_track",
            recommended=None,
        )
        for i in range(1000)
    ]
    with SqliteAudit(path) as audit:
        audit.append_reviews(reviews)
    settings = watched.settings.model_copy(update={"audit_url": path})
    report = watch(None, "abuse", settings=settings)
    routes = report.models[0].routes
    assert routes.trained_shares == {"fast_track": 1.0, "review": 0.0}
    assert routes.shares["review"].value == pytest.approx(0.5, abs=0.01)
    assert ("abuse", "abuse.route_change", "all") in crossed(report)


def test_with_an_earlier_start_it_says_that_the_figures_flatter(watch, watched):
    report = watch(None, "abuse", since=watched.cut - pd.Timedelta(days=100))
    assert any("after --since: the model learned from some" in n for n in report.models[0].notes)


def test_nothing_newer_than_the_training_is_nothing_to_judge(watch, watched):
    report = watch(watched.past, "return_risk", "abuse")
    assert not crossed(report)
    for each in report.models:
        assert each.asked == 0
        assert each.verdict == "not_judged"
        assert any(n.startswith("there are no ") for n in each.notes)


def test_a_model_without_a_fingerprint_is_watched_as_far_as_can_be(watched, watch, monkeypatch):
    download = Registry.download

    def bare(self, name, number, folder):
        place = download(self, name, number, folder)
        (place / FILE).unlink()
        return place

    monkeypatch.setattr(Registry, "download", bare)
    (model,) = watch(None, "return_risk").models
    assert not model.has_fingerprint
    assert not model.features
    assert model.figures[0].auc is not None
    assert model.asked == len(watched.tables["order_lines"]) // 5
    said = " ".join(model.notes)
    assert "run: muslin train return-risk --data DIR" in said
    assert "the newest 20%" in said


def test_no_champion_is_bad_input(watch, monkeypatch):
    monkeypatch.setattr(Registry, "champion", lambda self, name: None)
    with pytest.raises(BadInputError, match=r"no model to watch has a champion.*train size-fit"):
        watch()


def test_a_model_without_a_champion_is_left_out_by_name(watch, monkeypatch):
    champion = Registry.champion
    monkeypatch.setattr(
        Registry, "champion", lambda self, name: champion(self, name) if name == "abuse" else None
    )
    report = watch()
    assert [each.name for each in report.models] == ["abuse"]
    assert report.without_champion == ["size_fit", "return_risk"]


def test_a_champion_this_version_cannot_read_names_the_command(watched, watch, monkeypatch):
    download = Registry.download

    def broken(self, name, number, folder):
        place = download(self, name, number, folder)
        (place / "model.json").write_text('{"model": "abuse", "format": 99}')
        return place

    monkeypatch.setattr(Registry, "download", broken)
    with pytest.raises(BadInputError, match=r"cannot be read by this version.*muslin train abuse"):
        watch(None, "abuse")


def test_limits_of_a_model_are_its_own(watch, watched):
    loose = Limits(of_model={"return_risk": {"drift": {"features": 100}}})
    assert not crossed(watch(dearer(watched.tables, watched.cut), "return_risk", limits=loose))


def test_the_published_schema_is_that_of_the_report():
    assert SCHEMA.read_text("utf-8") == schema_text(), "run python -m pipelines.monitor.schema"


def test_the_file_is_of_its_published_shape(fine):
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    told = json.loads(fine.model_dump_json())
    assert told["format"] == 1
    Draft202012Validator(schema).validate(told)
    assert Report.model_validate(told) == fine
    assert not Draft202012Validator(schema).is_valid({**told, "verdict": "maybe"})


def test_a_fingerprint_names_nobody_and_no_few(watched):
    tables = watched.tables
    ids = {
        *tables["customers"]["customer_id"],
        *tables["order_lines"]["order_line_id"],
        *tables["returns"]["return_id"],
        *tables["products"]["product_id"],
    }
    for name in ("size_fit", "return_risk", "abuse"):
        folder = watched.registry.download(name, 1, watched.home / f"read-{name}")
        text = (folder / FILE).read_text()
        words = set(text.replace('"', " ").replace(",", " ").split())
        assert not words & ids
        population = watched.population(name)
        assert population.features
        for each in population.features.values():
            held = each.counts[:-1]
            assert all(held >= 20) or not each.bins.edges
        for groups in population.figures.values():
            assert all(each.lines >= 20 and each.customers >= 20 for each in groups.values())


def test_a_fingerprint_is_of_what_the_model_learned_from(watched):
    risk = watched.population("return_risk")
    ordered = watched.past["order_lines"]["ordered_at"]
    assert risk.last == ordered.max().value // 1000
    assert all(each.counts.sum() == risk.rows for each in risk.features.values())
    returned = risk.figures["returned"]["all", "all"]
    assert returned.auc.value > 0.5
    assert returned.events < returned.lines < len(ordered)
    size = watched.population("size_fit")
    assert size.coverage == pytest.approx(0.9)
    assert np.isclose(sum(size.statuses.values()), 1.0, atol=1e-4)
