"""The report as one HTML page that needs nothing else: no script, no font, no address."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pipelines.monitor.cells import number, percent, spread, table
from pipelines.monitor.charts import Bar, bars
from pipelines.monitor.claims_page import claims_section, routes_section
from pipelines.monitor.report import (
    AdviceGroup,
    Figure,
    Group,
    ModelReport,
    Report,
)
from pipelines.monitor.style import STYLE

__all__ = ["page", "shown"]

_DRAWN = 20
_WORDS = {"fine": "fine", "crossed": "crossed", "not_judged": "not judged"}


def page(report: Report) -> str:
    """Write the page."""
    said = (
        "A limit is crossed: look at it, and retrain where it is the world that changed."
        if report.crossed
        else "No limit is crossed."
    )
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Muslin: watching the models</title><style>{STYLE}</style></head><body>",
        "<h1>Watching the models</h1>",
        f"<p class='soft'>{escape(report.source)}, known until {report.known_until:%Y-%m-%d %H:%M};"
        f" written {report.made_at:%Y-%m-%d %H:%M} UTC</p>",
        f"<div class='verdict {report.verdict}'>{said}</div>",
        _summary(report),
    ]
    parts += [_model(each) for each in report.models]
    parts.append("</body></html>\n")
    return "\n".join(part for part in parts if part)


def shown(group: Group) -> str:
    """A group in words."""
    return "all" if group.dimension == "all" else f"{group.dimension}: {group.group}"


def _summary(report: Report) -> str:
    rows = []
    for each in report.models:
        counts = [sum(c.verdict == v for c in each.checks) for v in ("crossed", "fine")]
        rows.append(
            (
                each.verdict,
                f"{each.name} version {each.version}",
                "-" if each.since is None else f"{each.since:%Y-%m-%d} to {each.until:%Y-%m-%d}",
                f"{each.asked:,}",
                f"{each.matured:,}",
                f"{counts[0]:,}",
                f"{counts[1]:,}",
            )
        )
    rows += [
        ("not_judged", name, "has no champion", "", "", "", "") for name in report.without_champion
    ]
    heads = ("model", "looked at", "#asked", "#matured", "#limits crossed", "#limits kept")
    return table(heads, rows)


def _model(model: ModelReport) -> str:
    trained = (
        "no training fingerprint"
        if model.trained_until is None
        else f"trained on what was asked until {model.trained_until:%Y-%m-%d %H:%M}"
    )
    parts = [
        f"<h2>{escape(model.name)} version {model.version}</h2>",
        f"<p class='soft'>{trained}</p>",
    ]
    parts += [f"<p>{escape(note)}</p>" for note in model.notes]
    parts += [_crossed(model), _drift(model)]
    for target in dict.fromkeys(each.target for each in model.figures):
        parts.append(_target(target, [each for each in model.figures if each.target == target]))
    parts += [
        _advice(model),
        claims_section(model.claims),
        routes_section(model.routes),
        _checks(model),
    ]
    return "\n".join(part for part in parts if part)


def _crossed(model: ModelReport) -> str:
    over = [each for each in model.checks if each.verdict == "crossed"]
    if not over:
        return ""
    rows = [
        (
            "crossed",
            each.limit_name,
            "" if each.where is None else shown(each.where),
            each.target or "",
            f"{each.what}{f' ({each.why})' if each.why else ''}",
            number(each.value),
            number(each.limit),
        )
        for each in over
    ]
    heads = ("limit", "where", "of", "what", "#off by", "#allowed")
    return "<h3>Limits crossed</h3>" + table(heads, rows)


def _drift(model: ModelReport) -> str:
    if not model.features:
        return ""
    judged = [each for each in model.features if each.verdict != "not_judged"]
    chart = bars(
        [
            Bar(each.name, f"{moved:.3f}", moved, limit=each.limit, kind=each.verdict)
            for each, moved in [(f, max(f.psi - f.expected, 0.0)) for f in judged[:_DRAWN]]
        ],
        f"Stability index of the {_DRAWN} features of {model.name} that moved most",
    )
    rows = [
        (
            each.verdict,
            each.name,
            f"{each.psi:.3f}",
            f"{each.expected:.3f}",
            f"{each.usual:.3f}",
            number(each.limit),
            f"{each.p:.2g}",
            each.moved,
            _WORDS[each.verdict],
        )
        for each in model.features
    ]
    heads = (
        "feature", "#index", "#by chance", "#moved in training", "#limit", "#p",
        "changed most", "verdict",
    )  # fmt: skip
    return (
        "<h3>Population drift</h3><p class='soft'>Population stability index of each feature"
        " against the newest quarter of the training, less what so few customers explain by chance;"
        " the limit is dashed. p is corrected for the number of features. Features that move by"
        f" themselves are in the table only.</p>{chart}<details><summary>All {len(rows)}"
        f" features</summary>{table(heads, rows)}</details>"
    )


def _target(target: str, figures: Sequence[Figure]) -> str:
    told = [each for each in figures if each.judged]
    gaps = [
        Bar(
            shown(each.where),
            f"{each.gap.value:+.3f}",
            each.gap.value,
            each.gap.low,
            each.gap.high,
            each.trained_gap,
            kind=each.verdict,
        )
        for each in told
    ]
    rows = [
        (
            each.verdict,
            shown(each.where),
            f"{each.lines:,}",
            f"{each.customers:,}",
            f"{each.observed:.3f}",
            f"{each.predicted:.3f}",
            spread(each.gap, "+.3f"),
            number(each.trained_gap, "+.3f"),
            spread(each.slope, ".2f"),
            f"{each.ece:.3f} ({each.ece_expected:.3f})",
            spread(each.auc, ".3f"),
            number(each.trained_auc),
            _WORDS[each.verdict],
        )
        for each in figures
    ]
    heads = (
        "group", "#lines", "#customers", "#observed", "#predicted", "#gap", "#gap in training",
        "#slope", "#error (by chance)", "#AUC", "#AUC in training", "verdict",
    )  # fmt: skip
    return (
        f"<h3>Calibration and AUC: {escape(target)}</h3><p class='soft'>On matured labels."
        " Bars: predicted less observed share, with the interval of 95 %; the thin grey bar is the"
        " gap in training. Small groups are not judged and not drawn.</p>"
        f"{bars(gaps, f'Predicted less observed share of {target} by group')}{table(heads, rows)}"
    )


def _advice(model: ModelReport) -> str:
    groups = model.advice
    if not groups:
        return ""
    chart = bars(
        [
            Bar(
                shown(each.where),
                f"{each.advised.value:.1%}",
                each.advised.value,
                each.advised.low,
                each.advised.high,
                each.trained_advised,
                kind=each.verdict,
            )
            for each in groups
        ],
        "Share of lines with a recommendation by group",
    )
    names = dict.fromkeys([*model.statuses, *model.trained_statuses])
    status = [
        (
            "fine",
            name,
            percent(model.statuses.get(name)),
            percent(model.trained_statuses.get(name)),
        )
        for name in names
    ]
    return (
        "<h3>Who gets size advice</h3><p class='soft'>Share of lines with a recommendation; the"
        " thin grey bar is the share in training. Covered: of the lines that fitted, those whose"
        f" size is in the size set.</p>{chart}{table(*_advice_table(groups))}"
        f"{table(('status', '#share', '#in training'), status)}"
    )


def _advice_table(
    groups: Sequence[AdviceGroup],
) -> tuple[tuple[str, ...], list[Sequence[str]]]:
    heads = ("group", "#lines", "#advised", "#in training", "#fitted", "#covered", "verdict")
    rows: list[Sequence[str]] = [
        (
            each.verdict,
            shown(each.where),
            f"{each.lines:,}",
            spread(each.advised, ".1%"),
            percent(each.trained_advised),
            f"{each.fitted:,}",
            spread(each.covered, ".1%"),
            _WORDS[each.verdict],
        )
        for each in groups
    ]
    return heads, rows


def _checks(model: ModelReport) -> str:
    rows = [
        (
            each.verdict,
            each.limit_name,
            "" if each.where is None else shown(each.where),
            each.target or "",
            each.what,
            number(each.value),
            number(each.limit),
            f"{_WORDS[each.verdict]}{f': {each.why}' if each.why else ''}",
        )
        for each in model.checks
    ]
    heads = ("limit", "where", "of", "what", "#off by", "#allowed", "verdict")
    return (
        f"<details><summary>All {len(rows)} comparisons with a limit</summary>"
        f"{table(heads, rows)}</details>"
    )
