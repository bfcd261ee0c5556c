import re
from html.parser import HTMLParser

import pytest

from pipelines.monitor.charts import Bar, bars
from pipelines.monitor.page import page
from pipelines.monitor.report import Report
from pipelines.monitor.write import places, write

VOID = {"meta", "br", "rect", "line"}


class Reader(HTMLParser):
    """What a page holds; raises where a tag is not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    assert not reader.open
    return reader


def interval(value):
    return {"value": value, "low": value - 0.02, "high": value + 0.02}


@pytest.fixture
def report():
    """One of everything, in a shop that gives its markets odd names."""
    odd = "<script>alert(1)</script> & 'co'"
    where = {"dimension": "market", "group": odd}
    feature = {
        "name": "price", "psi": 0.8, "expected": 0.01, "usual": 0.02, "limit": 0.25, "p": 0.0,
        "verdict": "crossed", "moved": "above 3: 1.0% then, 9.0% now",
        "bins": ["up to 3", "missing"], "before": [1.0, 0.0], "now": [0.9, 0.1],
    }  # fmt: skip
    figure = {
        "target": "returned", "where": where, "lines": 900, "events": 300, "customers": 500,
        "observed": 0.3, "predicted": 0.5, "gap": interval(0.2), "slope": interval(1.0),
        "ece": 0.2, "ece_expected": 0.02, "auc": interval(0.7), "trained_lines": 800,
        "trained_gap": 0.01, "trained_auc": 0.72, "judged": True, "verdict": "crossed",
    }  # fmt: skip
    check = {
        "kind": "calibration", "what": "predicted 0.500, observed 0.300",
        "limit_name": "calibration.group_gap", "target": "returned", "where": where, "value": 0.2,
        "limit": 0.06, "verdict": "crossed",
    }  # fmt: skip
    advice = {
        "where": where, "lines": 900, "advised": interval(0.4), "trained_advised": 0.5,
        "fitted": 0, "covered": None, "verdict": "fine",
    }  # fmt: skip
    claims = {
        "claims": 300, "flagged": interval(0.04), "trained_flagged": 0.03, "honest_claims": 0,
        "honest_flagged": None, "trained_honest_flagged": None, "cleared_claims": 0,
        "cleared_flagged": None, "decided": 0,
    }  # fmt: skip
    routes = {
        "reviews": 10, "trained_reviews": 0, "shares": {"review": interval(0.1)},
        "trained_shares": {},
    }  # fmt: skip
    model = {
        "name": "return_risk", "version": 3, "trained_until": "2026-01-01T00:00:00Z",
        "since": "2026-01-02T00:00:00Z", "until": "2026-02-01T00:00:00Z", "asked": 900,
        "matured": 800, "has_fingerprint": True, "verdict": "crossed", "notes": [odd],
        "checks": [check], "features": [feature], "figures": [figure], "advice": [advice],
        "statuses": {"advised": 0.4}, "trained_statuses": {"advised": 0.5}, "claims": claims,
        "routes": routes,
    }  # fmt: skip
    empty = {
        **model, "name": "abuse", "trained_until": None, "since": None, "until": None, "asked": 0,
        "verdict": "not_judged", "checks": [], "features": [], "figures": [], "advice": [],
        "statuses": {}, "trained_statuses": {}, "claims": None, "routes": None,
    }  # fmt: skip
    return Report.model_validate(
        {
            "made_at": "2026-02-02T00:00:00Z",
            "source": odd,
            "known_until": "2026-02-01T00:00:00Z",
            "verdict": "crossed",
            "without_champion": ["size_fit"],
            "models": [model, empty],
        }
    )


def test_the_page_needs_nothing_from_anywhere(report):
    html = page(report)
    reader = read(html)
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(reader.tags)
    assert not {name for name, _ in reader.attributes} & {"src", "href", "srcset", "onload"}
    assert not re.search(r"url\(|@import|//", html)


def test_names_of_the_shop_are_text_and_never_markup(report):
    html = page(report)
    assert "<script" not in html
    assert "<script>alert(1)</script> & 'co'" in "".join(read(html).text)


def test_every_chart_has_a_name_and_a_table(report):
    reader = read(page(report))
    labels = [value for name, value in reader.attributes if name == "aria-label"]
    assert len(labels) == reader.tags.count("svg") == 5
    assert all(labels)
    assert reader.tags.count("table") >= reader.tags.count("svg")


def test_dark_and_paper_are_thought_of(report):
    html = page(report)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_the_verdict_stands_first_and_in_words(report):
    text = " ".join(read(page(report)).text)
    assert text.index("A limit is crossed") < text.index("return_risk version 3")
    assert "size_fit has no champion" in " ".join(text.split())
    fine = report.model_copy(update={"verdict": "fine"})
    assert "No limit is crossed" in page(fine)


def test_bars_begin_at_zero_and_stay_in_the_picture():
    svg = bars([Bar("up", "", 0.5, 0.4, 0.7, limit=0.6), Bar("down", "", -0.5, then=-1.0)], "both")
    reader = read(svg)
    rects = re.findall(r'<rect class="\w+" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    (up, up_w), (down, down_w), (then, then_w) = [(float(x), float(w)) for x, w in rects]
    assert up == pytest.approx(down + down_w, abs=0.2) == pytest.approx(then + then_w, abs=0.2)
    assert up_w == pytest.approx(down_w, abs=0.2)
    assert min(up, down, then) >= 250
    assert reader.tags.count("rect") == 3
    assert bars([], "nothing") == ""


def test_a_file_name_gives_both_files_and_a_folder_is_made(report, tmp_path):
    assert places(tmp_path / "w.html") == places(tmp_path / "w.json")
    targets = places(tmp_path / "deep" / "watch")
    write(report, targets)
    assert Report.model_validate_json(targets.data.read_text()) == report
    assert sorted(p.name for p in targets.page.parent.iterdir()) == ["monitor.html", "monitor.json"]
    (tmp_path / "taken.txt").touch()
    with pytest.raises(ValueError, match=r"taken.txt is a file"):
        places(tmp_path / "taken.txt")
