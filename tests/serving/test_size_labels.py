"""What sizes are called in the systems a shopper knows, through the body."""

import pytest
from asgi import ask
from fake_advisor import LETTERS, PRODUCTS, bodies

from features.size_systems import convert, size_table, usual_system
from serving.advisor import ProductSizes
from serving.size_labels import SizeLabels

DRESS = {"product_id": "dress", "measurements": {"height_cm": 171}}
MARKETS = ("US", "GB", "DE", "FR", "IT", "ES", "CN", "JP", "KR", "AU")


def labels_of(answer, system):
    return [size["labels"].get(system) for size in answer["sizes"]]


def charted(labels, system, audience, family, of=None, shift=0):
    """A product cut as another system's sizes of the same labels, `shift` sizes along."""
    table = size_table(of or system, audience, family)
    place = [table.labels.index(label) + shift for label in labels]
    bodies = tuple(table.sizes[each].body for each in place)
    return ProductSizes(labels, system, audience, family, bodies, "published")


def steps_of(product, market):
    return SizeLabels().of("p", product, market, None).than_usual.steps


def test_labels_are_shown_in_own_and_asked_systems(app):
    answer = ask(app, body={**DRESS, "show_in": ["US", "ALPHA"]}).json
    assert list(answer["sizes"][0]["labels"]) == ["US", "ALPHA"]
    assert labels_of(answer, "ALPHA") == list(LETTERS)
    assert all(labels_of(answer, "US"))
    assert answer["notices"] == []


@pytest.mark.parametrize("market", MARKETS)
def test_the_market_s_usual_system_is_shown_where_none_is_asked_for(app, market):
    usual = usual_system(market, "women", "dress")
    answer = ask(app, body={**DRESS, "market": market.lower()}).json
    assert set(answer["sizes"][0]["labels"]) == {"ALPHA", usual}
    assert all(labels_of(answer, usual))


def test_without_a_market_only_the_label_is_shown(app):
    assert ask(app, body=DRESS).json["sizes"][0]["labels"] == {"ALPHA": "S"}


def test_a_size_is_called_what_its_label_converts_to(app):
    answer = ask(app, body={**DRESS, "show_in": ["EU"]}).json
    for size in answer["sizes"]:
        found = convert(size["label"], "ALPHA", "EU", "women", "dress")
        assert [each["label"] for each in size["conversions"]["EU"]] == [m.label for m in found]
        assert sum(each["share"] for each in size["conversions"]["EU"]) == pytest.approx(1)
        for end in (size["labels"]["EU"].split("-")[0], size["labels"]["EU"].split("-")[-1]):
            assert end in [m.label for m in found]
    shared = [size["labels"]["EU"] for size in answer["sizes"] if "-" in size["labels"]["EU"]]
    assert shared, "letters are two numbers wide"
    for low, high in (text.split("-") for text in shared):
        assert int(low) < int(high)


def test_a_product_s_own_chart_goes_before_what_labels_usually_mean():
    table = size_table("EU", "women", "dress")
    shown = {}
    for shift in (0, 1):
        product = charted(("36", "38", "40"), "EU", "women", "dress", shift=shift)
        shown[shift] = SizeLabels().of("p", product, None, ["DE"]).labels
    for label in ("36", "38", "40"):
        assert shown[0][label]["DE"] == label
        assert shown[1][label]["DE"] == table.labels[table.labels.index(label) + 1]
        assert shown[1][label]["EU"] == label  # the shop's label stays what it is


@pytest.mark.parametrize(
    ("labels", "system", "family", "to", "shown"),
    [
        (("Gr. 36", "Gr. 38", "Gr. 40"), "DE", "dress", "FR", ["38", "40", "42"]),
        (("W30/L32", "W32/L34"), "WAIST_INCH", "bottom", "WAIST_INCH", ["W30/L32", "W32/L34"]),
        (("S/M", "L/XL"), "ALPHA", "dress", "ALPHA", ["S/M", "L/XL"]),
        (("３８", "４０"), "DE", "dress", "UK", ["12", "14"]),
        (("EU 38 / UK 12", "EU 40 / UK 14"), "EU", "dress", "DE", ["38", "40"]),
    ],
)
def test_labels_are_read_as_shops_write_them(labels, system, family, to, shown):
    product = ProductSizes(labels, system, "women", family)
    found = SizeLabels().of("p", product, None, [to]).labels
    assert [found[label][to] for label in labels] == shown


def test_a_label_for_two_sizes_is_as_wide_as_both():
    product = ProductSizes(("S/M", "L/XL"), "ALPHA", "women", "dress")
    found = SizeLabels().of("p", product, None, ["EU"]).conversions
    one = {m.label for label in "SM" for m in convert(label, "ALPHA", "EU", "women", "dress")}
    assert {each["label"] for each in found["S/M"]["EU"]} <= one
    assert len(found["S/M"]["EU"]) > 1


def test_a_label_that_may_be_several_is_not_guessed():
    product = ProductSizes(("42",), None, "women", "dress")
    shown = SizeLabels().of("p", product, "US", ["US"])
    assert shown.labels["42"] == {"US": None}
    assert shown.missing == ("US",)
    assert shown.than_usual.steps == 0


def test_an_estimated_chart_moves_no_name_but_names_labels_that_say_nothing():
    table = size_table("EU", "women", "dress")
    cut = tuple(table.find(label).body for label in ("40", "42"))
    for labels, shown in ((("36", "38"), ["36", "38"]), (("wren", "heron"), ["40", "42"])):
        product = ProductSizes(labels, "EU", "women", "dress", cut, "estimated")
        found = SizeLabels().of("p", product, None, ["DE"]).labels
        assert [found[label]["DE"] for label in labels] == shown


def test_a_system_that_cannot_be_answered_is_said(app):
    answer = ask(app, body={**DRESS, "show_in": ["SHOE_EU", "US"]}).json
    assert set(labels_of(answer, "SHOE_EU")) == {None}
    assert answer["sizes"][0]["conversions"]["SHOE_EU"] == []
    assert [notice["code"] for notice in answer["notices"]] == ["size_system_not_available"]
    assert "SHOE_EU" in answer["notices"][0]["text"]
    assert "US" not in answer["notices"][0]["text"]
    strange = ask(app, body={**DRESS, "product_id": "unknown kind", "show_in": ["US"]}).json
    assert set(labels_of(strange, "US")) == {None}
    silent = ask(app, body={**DRESS, "product_id": "unknown kind", "market": "US"}).json
    assert silent["notices"] == []
    assert set(silent["sizes"][0]["labels"]) == {"ALPHA"}


def test_the_message_names_the_size_as_the_shopper_knows_it(app):
    told = ask(app, body={**DRESS, "show_in": ["US"]}).json
    label = told["recommended"]
    (us,) = [size["labels"]["US"] for size in told["sizes"] if size["label"] == label]
    assert told["message"].startswith(f"We recommend size {label} (US {us}).")
    german = ask(app, body={**DRESS, "market": "DE", "locale": "de"}).json
    assert f"Größe {label} (DE " in german["message"]
    plain = ask(app, body={**DRESS, "show_in": ["ALPHA"]}).json
    assert plain["message"].startswith(f"We recommend size {label}.")


@pytest.mark.parametrize(
    ("product_id", "system", "name"),
    [
        ("shoe", "SHOE_US", "(US "),
        ("shoe", "SHOE_JP", "(JP "),
        ("romper", "BABY_MONTHS", "M)"),
        ("romper", "US", "(US "),
    ],
)
def test_systems_are_named_in_shoppers_words(app, product_id, system, name):
    asked = {"product_id": product_id, "measurements": {"height_cm": 151}, "show_in": [system]}
    assert name in ask(app, body=asked).json["message"]


def test_a_dress_cut_smaller_than_its_label_says_so_to_the_market():
    for steps in (1, 2):
        product = charted(LETTERS, "ALPHA", "women", "dress", shift=-steps)
        assert steps_of(product, "US") == steps_of(product, "DE") == steps
    assert steps_of(charted(LETTERS, "ALPHA", "women", "dress", shift=1), "US") == -1
    assert steps_of(charted(LETTERS, "ALPHA", "women", "dress"), "US") == 0


def test_a_label_that_means_another_body_at_home_says_so():
    french = ProductSizes(("36", "38", "40", "42"), "FR", "women", "dress")
    assert steps_of(french, "DE") == 1  # DE 38 is FR 40
    assert steps_of(french, "FR") == 0
    german = ProductSizes(("36", "38", "40", "42"), "DE", "women", "dress")
    assert steps_of(german, "FR") == -1
    british = ProductSizes(("8", "10", "12", "14"), "UK", "women", "dress")
    assert steps_of(british, "US") == 2  # US 8 is UK 12


def test_nothing_is_said_of_labels_the_market_does_not_use():
    chinese = ProductSizes(("160/84A", "165/88A"), "CN", "women", "dress")
    assert steps_of(chinese, "US") == 0
    assert steps_of(PRODUCTS["shoe"], "US") == 0
    assert steps_of(ProductSizes(LETTERS, "ALPHA"), "US") == 0
    assert steps_of(ProductSizes((), "ONE"), "US") == 0


def test_half_a_size_is_no_reason_to_take_another():
    table = size_table("ALPHA", "women", "dress")
    chests = [table.find(label).body["chest_cm"] for label in LETTERS]
    for part, steps in ((0.0, 0), (0.5, 0), (0.7, 0), (0.9, 1), (1.1, 1)):
        cut = tuple(
            {"chest_cm": (low - part * (high - low), high - part * (high - low))}
            for low, high in chests
        )
        product = ProductSizes(LETTERS, "ALPHA", "women", "dress", cut, "published")
        assert steps_of(product, "US") == steps, part


def test_labels_that_say_different_things_are_told_size_by_size():
    table = size_table("ALPHA", "women", "dress")
    place = [table.labels.index(label) for label in LETTERS]
    closer = [table.sizes[place[0]].body["chest_cm"]]  # Asian letters: half as far apart
    for _ in LETTERS[1:]:
        low, high = closer[-1]
        closer.append((low + (high - low) / 2, high + (high - low) / 2))
    cut = tuple({"chest_cm": each} for each in closer)
    product = ProductSizes(LETTERS, "ALPHA", "women", "dress", cut, "published")
    found = SizeLabels().of("p", product, "US", None).than_usual
    assert [found.by_label[label] for label in LETTERS] == [0, 0, 1, 1]
    assert found.steps == 1
    apart = [table.sizes[p + off].body for p, off in zip(place, (-1, 0, 1, 1), strict=True)]
    product = ProductSizes(LETTERS, "ALPHA", "women", "dress", tuple(apart), "published")
    assert steps_of(product, "US") == 0


def test_a_chart_that_does_not_rise_says_nothing():
    table = size_table("ALPHA", "women", "dress")
    bodies_ = tuple(table.find(label).body for label in ("S", "S", "L", "M"))
    product = ProductSizes(LETTERS, "ALPHA", "women", "dress", bodies_, "published")
    assert steps_of(product, "US") == 0


def test_a_chart_s_hint_is_told_in_the_answer(app, monkeypatch):
    small = charted(LETTERS, "ALPHA", "women", "dress", shift=-1)
    monkeypatch.setitem(PRODUCTS, "dress", small)
    answer = ask(app, body={**DRESS, "market": "US"}).json
    assert answer["chart"] == "published"
    assert answer["than_usual"] == {
        "market": "US",
        "steps": 1,
        "text": "United States shoppers: take one size larger than usual.",
    }
    assert answer["than_usual"]["text"] in answer["message"]
    japanese = ask(app, body={**DRESS, "market": "US", "locale": "ja"}).json
    assert "アメリカ合衆国" in japanese["than_usual"]["text"]
    assert ask(app, body=DRESS).json["than_usual"] is None


def test_the_hint_is_that_of_the_recommended_size(app, monkeypatch):
    table = size_table("ALPHA", "women", "dress")
    low, high = table.find("S").body["chest_cm"]
    half = (high - low) / 2
    closer = tuple({"chest_cm": (low + half * i, high + half * i)} for i in range(len(LETTERS)))
    product = ProductSizes(LETTERS, "ALPHA", "women", "dress", closer, "published")
    monkeypatch.setitem(PRODUCTS, "dress", product)
    told = {}
    for height in (151, 161, 171, 181):
        asked = {"product_id": "dress", "market": "US", "measurements": {"height_cm": height}}
        answer = ask(app, body=asked).json
        told[answer["recommended"]] = (answer["than_usual"] or {"steps": 0})["steps"]
    assert told == {"S": 0, "M": 0, "L": 1, "XL": 1}
    unknown = ask(app, body={"product_id": "dress", "market": "US"}).json
    assert unknown["recommended"] is None
    assert unknown["than_usual"]["steps"] == 1


def test_an_estimated_chart_is_said(app):
    answer = ask(app, body={**DRESS, "product_id": "guessed"}).json
    assert answer["chart"] == "estimated"
    assert [notice["code"] for notice in answer["notices"]] == ["size_chart_estimated"]
    assert ask(app, body=DRESS).json["chart"] is None


def test_a_child_s_next_size_is_part_of_the_answer(app):
    asked = {"product_id": "romper", "measurements": {"height_cm": 151}}
    answer = ask(app, body=asked).json
    assert answer["next_size"] == {
        "label": "74",
        "after": "68",
        "in_weeks": 6,
        "on": "2026-02-16",
        "text": "Next size up: 74, in about 6 weeks.",
    }
    assert answer["next_size"]["text"] in answer["message"]
    assert ask(app, body=DRESS).json["next_size"] is None


def test_what_is_remembered_is_what_would_be_found():
    labels = SizeLabels(most=2)
    products = {
        name: charted(LETTERS, "ALPHA", "women", "dress", shift=shift)
        for name, shift in (("a", 0), ("b", 1), ("c", -1))
    }
    for _ in range(2):
        for name, product in products.items():
            fresh = SizeLabels().of(name, product, "US", ["EU"])
            assert labels.of(name, product, "US", ["EU"]) == fresh
    assert labels.of("a", products["a"], "US", ["EU"]) is labels.of(
        "a", products["a"], "US", ["EU"]
    )


def test_a_product_with_a_new_chart_is_named_anew():
    labels = SizeLabels()
    before = ProductSizes(LETTERS, "ALPHA", "women", "dress", bodies(80, 8, 4), "estimated")
    after = ProductSizes(LETTERS, "ALPHA", "women", "dress", bodies(96, 8, 4), "published")
    first = labels.of("p", before, "DE", None)
    assert labels.of("p", after, "DE", None).labels != first.labels
